"""The cabinet's own addresses; sign-in is in `account_urls` because allauth looks for its names globally."""

from django.urls import path

from cabinet import live
from cabinet.brand import DARK, LIGHT
from cabinet.views import account, brand, cases, chat, consent, drafts, faces, files, handover, letters

app_name = "cabinet"
urlpatterns = [
    path("", cases.home, name="home"),
    path("cases/", cases.case_list, name="case-list"),
    path("cases/new/", cases.case_new, name="case-new"),
    path("cases/<uuid:case_id>/", cases.case_page, name="case"),
    path("cases/<uuid:case_id>/reply/", cases.reply, name="reply"),
    path("cases/<uuid:case_id>/close/", cases.close, name="close"),
    path("cases/<uuid:case_id>/reopen/", cases.reopen, name="reopen"),
    path("cases/<uuid:case_id>/rate/", cases.rate, name="rate"),
    path("cases/<uuid:case_id>/messages/<uuid:message_id>/retry/", cases.retry, name="retry"),
    path("cases/<uuid:case_id>/here/", chat.here, name="here"),
    path("cases/<uuid:case_id>/letters/", letters.letters_of_case, name="case-letters"),
    path("chat/", chat.conversation, name="chat"),
    path("chat/settings/", chat.settings, name="chat-settings"),
    path("letters/", letters.letters, name="letters"),
    path("letters/<str:token>/", letters.letters_off, name="letters-off"),
    path("files/<uuid:file_id>/", files.serve, name="file"),
    path("faces/<uuid:face_id>/<slug:digest>/", faces.face, name="face"),
    path("drafts/", drafts.draft, name="draft"),
    path("drafts/discard/", drafts.discard, name="discard-draft"),
    path("uploads/", drafts.upload, name="upload"),
    path("uploads/<uuid:file_id>/remove/", drafts.remove_upload, name="remove-upload"),
    # The exact address last: it is the one that is given out.
    path("access/jwt/", handover.hand_over, name="hand-over"),
    path("access/jwt", handover.hand_over, name="hand-over"),
    path("account/", account.overview, name="account"),
    path("account/consent/", consent.ask, name="consent"),
    path("account/export/", account.export_data, name="export"),
    path("account/export/<uuid:export_id>/", account.fetch_export, name="export-file"),
    path("account/erase/", account.erase, name="erase"),
    path("account/erase/sign-in/", account.sign_in_again, name="sign-in-again"),
    path("account/erased/<uuid:erasure_id>/", account.erased, name="erased"),
    path("brand/<slug:mark>/colours.css", brand.colours, name="brand-colours"),
    path("brand/<slug:mark>/logo", brand.logo, {"setting": LIGHT}, name="brand-logo"),
    path("brand/<slug:mark>/logo-dark", brand.logo, {"setting": DARK}, name="brand-logo-dark"),
    path("live/", live.anything_new, name="live"),
    # Served by the `live` process where there is one; see cabinet/stream.py.
    path("live/stream/", live.no_stream, name="stream"),
]
