"""Both webhook addresses. Without the last slash too: a redirect would lose the body of a POST."""

from django.urls import path

from webhooks.views import OmnideskWebhook

app_name = "webhooks"
receive = OmnideskWebhook.as_view()

urlpatterns = [
    path("omnidesk/", receive, name="omnidesk"),
    path("omnidesk/<str:secret>/", receive, name="omnidesk-with-secret"),
    path("omnidesk", receive),
    path("omnidesk/<str:secret>", receive),
]
