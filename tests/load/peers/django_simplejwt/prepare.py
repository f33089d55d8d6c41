"""Make the tables and add the accounts: ACCOUNTS of them, all with PASSWORD."""

import os

import django
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management import call_command

if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)
    user, hashed = get_user_model(), make_password(os.environ["PASSWORD"])
    emails = [f"bench-{number}@example.com" for number in range(int(os.environ["ACCOUNTS"]))]
    user.objects.bulk_create(user(username=email, email=email, password=hashed) for email in emails)
