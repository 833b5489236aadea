"""A Django project of one file, with the decorator before a plain and an async view."""

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import re_path

from servers import table_verifier
from upcall import CallbackVerifier, VerifyError
from upcall.django import callback_view
from upcall.testing import CallbackClient

CLIENT = CallbackClient()
VERIFIER = CallbackVerifier(CLIENT.key_urls)


class Telling:
    """A verifier whose verdict is no exception, so that the view can tell it."""

    def verify(self, **request):
        try:
            table_verifier().verify(**request)
        except VerifyError as error:
            return error.code
        return None


@callback_view(Telling())
def telling(request, code):
    return JsonResponse({"code": code})


@callback_view(VERIFIER)
def uploaded(request, callback, name=None):
    return JsonResponse({"object": callback.form()["object"], "name": name})


@callback_view(VERIFIER)
async def uploaded_async(request, callback):
    return JsonResponse({"object": callback.form()["object"]})


urlpatterns = [
    re_path("^views/plain/(?P<name>[^/]+)$", uploaded),
    re_path("^views/async$", uploaded_async),
    re_path("", telling),
]


def configure():
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF="django_app",
            SECRET_KEY="of a test",
            MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
            DATABASES={},
        )
        django.setup()


def wsgi():
    configure()
    return get_wsgi_application()


def asgi():
    configure()
    return get_asgi_application()
