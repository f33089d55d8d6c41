"""Django with simplejwt in one file, on Postgres: `gunicorn project:application`, or `python project.py` to add the accounts.

The environment says where: PGHOST, PGUSER and PGDATABASE, which libpq reads. ACCOUNTS and PASSWORD are the accounts'.
"""

import os
from datetime import timedelta

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="of-a-benchmark-that-is-gone-in-a-few-minutes",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["PGDATABASE"],
            "CONN_MAX_AGE": None,
        }
    },
    PASSWORD_HASHERS=["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    },
    SIMPLE_JWT={"ACCESS_TOKEN_LIFETIME": timedelta(hours=1)},
    USE_TZ=True,
)
django.setup()

# Django's parts can be imported once its settings are there.
from django.contrib.auth.hashers import make_password  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_simplejwt.views import TokenObtainPairView  # noqa: E402


class Me(APIView):
    def get(self, request: Request) -> Response:
        user = request.user
        return Response({"id": user.pk, "email": user.email, "firstName": user.first_name, "lastName": user.last_name})


def readyz(_: HttpRequest) -> HttpResponse:
    return HttpResponse("ready")


urlpatterns = [path("login", TokenObtainPairView.as_view()), path("me", Me.as_view()), path("readyz", readyz)]
application = get_wsgi_application()


def prepare(count: int, password: str) -> None:
    call_command("migrate", verbosity=0)
    hashed = make_password(password)
    emails = [f"bench-{number}@example.com" for number in range(count)]
    User.objects.bulk_create(User(username=email, email=email, password=hashed) for email in emails)


if __name__ == "__main__":
    prepare(int(os.environ["ACCOUNTS"]), os.environ["PASSWORD"])
