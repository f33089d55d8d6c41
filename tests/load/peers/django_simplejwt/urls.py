"""The calls, for `gunicorn 'django.core.wsgi:get_wsgi_application()'`."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenObtainPairView


class Me(APIView):
    def get(self, request: Request) -> Response:
        user = request.user
        return Response({"id": user.pk, "email": user.email, "firstName": user.first_name, "lastName": user.last_name})


def readyz(_: HttpRequest) -> HttpResponse:
    return HttpResponse("ready")


urlpatterns = [path("login", TokenObtainPairView.as_view()), path("me", Me.as_view()), path("readyz", readyz)]
