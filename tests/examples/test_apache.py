"""Apache keeps `Authorization` from PHP. The example's site hands it on; without the rule, the answer says so."""

import pytest

from callbacks import BODY, Callback
from conftest import TARGET, wanted
from raw import send


@pytest.mark.parametrize("language", [name for name in ("php-apache", "php-fpm") if name in wanted()])
def test_without_the_rule_the_answer_says_what_is_missing(another, world, language):
    callback = Callback(world.address("http://OWN/callback_pub_key_v1.pem"), TARGET, BODY.format(id="apache").encode())
    answer = send(another(arguments=["--without-rewrite"]).port, callback)
    assert (answer.status, answer.json()["Status"]) == (400, "verify not ok")
    assert answer.json()["hint"].startswith("the Authorization header did not arrive: Apache keeps it from PHP")
    assert "RewriteRule" in answer.json()["hint"]
    assert send(another().port, callback).status == 200
