"""NetSuite's sign-in by raw HTTP: what is signed, what is refused, client credentials."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.fixtures.simulators import Firm, start_firm
from tests.simulators.callers import NetSuite, Signed, error

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/record/v1/timeBill"
TEXT = "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI."


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    with start_firm(tmp_path_factory.mktemp("sign_in"), seed=3, entries=50, only="netsuite") as started:
        yield started
        assert started["netsuite"].errors() == []


@pytest.fixture
def address(firm: Firm) -> dict[str, Any]:
    return dict(firm.addresses["netsuite"])


def get(address: dict[str, Any], auth: httpx.Auth | None = None, **headers: str) -> httpx.Response:
    return httpx.get(address["base_url"] + PATH, auth=auth, params={"limit": 1}, headers=headers, trust_env=False)


def refused(answer: httpx.Response) -> bool:
    return error(answer)[:3] == (401, "INVALID_LOGIN", TEXT)


def test_signed_call_passes_with_a_query_to_sign(address: dict[str, Any]) -> None:
    query = {"q": 'memo IS "a b&c=d+e/ü~%"', "limit": 3}
    answer = httpx.get(address["base_url"] + PATH, params=query, auth=Signed(address), trust_env=False)
    assert answer.status_code == 200


def test_call_without_or_with_foreign_authorization_is_refused(address: dict[str, Any]) -> None:
    assert refused(get(address))
    assert refused(get(address, Authorization="Basic eDp5"))
    assert refused(get(address, Authorization='OAuth realm="HARTWELL1"'))
    assert refused(get(address, Authorization="OAuth oauth_nonce=unquoted"))


@pytest.mark.parametrize(
    "given",
    [
        {"realm": "SOMEBODY"}, {"signature_method": "HMAC-SHA1"}, {"timestamp": "1000000000"}, {"timestamp": "soon"},
    ],
)  # fmt: skip
def test_wrong_signing_parameter_is_refused(address: dict[str, Any], given: dict[str, Any]) -> None:
    assert refused(get(address, Signed(address, **given)))


@pytest.mark.parametrize("secret", ["consumer_key", "consumer_secret", "token_id", "token_secret"])
def test_each_secret_counts(address: dict[str, Any], secret: str) -> None:
    wrong = address | {"secrets": address["secrets"] | {secret: "0" * 64}}
    assert refused(get(wrong, Signed(wrong)))


def test_nonce_is_taken_once(address: dict[str, Any]) -> None:
    auth = Signed(address, nonce="a-nonce-of-its-own")
    assert get(address, auth).status_code == 200
    assert refused(get(address, auth))


@pytest.mark.parametrize(("age", "passes"), [(-240, True), (240, True), (-400, False), (400, False)])
def test_timestamp_may_be_some_minutes_off(address: dict[str, Any], age: int, passes: bool) -> None:
    answer = get(address, Signed(address, timestamp=str(int(time.time()) + age)))
    assert answer.status_code == 200 if passes else refused(answer)


def test_query_changed_after_signing_is_refused(address: dict[str, Any]) -> None:
    with httpx.Client(trust_env=False) as client:
        request = client.build_request("GET", address["base_url"] + PATH, params={"limit": 1})
        signed = next(Signed(address).auth_flow(request))
        signed.url = signed.url.copy_set_param("limit", 2)
        assert refused(client.send(signed))


def test_every_oauth_parameter_of_the_header_is_signed(address: dict[str, Any]) -> None:
    class Extra(Signed):
        """Adds a parameter after signing, as a meddler would."""

        def auth_flow(self, request: httpx.Request) -> Any:
            signed = next(super().auth_flow(request))
            signed.headers["Authorization"] += ', oauth_body_hash="2jmj7l5rSw0yVb%2FvlWAYkK%2FYBwk%3D"'
            yield signed

    assert refused(get(address, Extra(address)))


def test_revoked_token_is_refused(firm: Firm, address: dict[str, Any]) -> None:
    firm["netsuite"].fault("revoke", token=address["secrets"]["token_id"])
    assert refused(get(address, Signed(address)))
    firm["netsuite"].clear_faults()
    assert get(address, Signed(address)).status_code == 200


# -- client credentials -----------------------------------------------------------------------------------------------


def _pem(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public_key().public_bytes(serialization.Encoding.PEM, form).decode())


def _token(
    address: dict[str, Any], key: Any, *, algorithm: str = "ES256", kid: str = "cert-1", **claims: Any
) -> httpx.Response:
    url = address["base_url"] + "/auth/oauth2/v1/token"
    now = int(time.time())
    payload = {"iss": "app-1", "scope": "rest_webservices", "aud": url, "iat": now, "exp": now + 600} | claims
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid}),
    }
    return httpx.post(url, data=form, trust_env=False)


@pytest.fixture(scope="module")
def key(firm: Firm) -> ec.EllipticCurvePrivateKey:
    made = ec.generate_private_key(ec.SECP256R1())
    firm.change("erp_certificate", kid="cert-1", client_id="app-1", public_key=_pem(made))
    return made


def test_signed_assertion_gives_a_token_that_opens_the_api(firm: Firm, address: dict[str, Any], key: Any) -> None:
    given = _token(address, key).json()
    assert (given["expires_in"], given["token_type"]) == ("3600", "bearer")
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    assert get(address, **bearer).status_code == 200
    firm["netsuite"].fault("revoke", token=given["access_token"])
    assert refused(get(address, **bearer))
    firm["netsuite"].clear_faults()
    assert refused(get(address, Authorization="Bearer made-up"))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "app-2"},
        {"scope": "restlets"},
        {"aud": "https://elsewhere/"},
        {"exp": 1},
        {"exp": int(time.time()) + 7200},
    ],
)
def test_assertion_that_says_the_wrong_thing_is_invalid_grant(address: dict[str, Any], key: Any, claims: Any) -> None:
    answer = _token(address, key, **claims)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


def test_assertion_by_an_unknown_certificate_or_rs256_is_refused(address: dict[str, Any], key: Any) -> None:
    assert _token(address, key, kid="cert-9").json() == {"error": "invalid_client"}
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert _token(address, other, algorithm="RS256").json() == {"error": "invalid_grant"}
    assert _token(address, other, algorithm="PS256").json() == {"error": "invalid_grant"}


def test_token_call_without_the_grant_is_invalid_request(address: dict[str, Any]) -> None:
    answer = httpx.post(address["base_url"] + "/auth/oauth2/v1/token", data={"grant_type": "password"}, trust_env=False)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


def test_caller_signs_by_the_address_it_calls(firm: Firm, address: dict[str, Any]) -> None:
    caller = NetSuite(address | {"base_url": address["base_url"].replace("127.0.0.1", "localhost")})
    assert caller.call("GET", PATH, params={"limit": 1}).status_code == 200
    caller.http.close()
