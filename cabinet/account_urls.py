"""Sign-in, under the names by which allauth and Django look for it. Nothing else of allauth is mounted."""

from django.urls import path

from cabinet.views import accounts

urlpatterns = [
    path("login/", accounts.sign_in, name="account_login"),
    path("login/code/confirm/", accounts.confirm_code, name="account_confirm_login_code"),
    path("logout/", accounts.sign_out, name="account_logout"),
]
