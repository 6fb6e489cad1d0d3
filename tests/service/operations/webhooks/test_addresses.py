import pytest

from service.errors import WebhookRefused
from service.operations.webhooks.addresses import Unresolved, check_url, resolve


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "0x7f000001", "2130706433", "0", "localhost"),
        *("10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "192.88.99.1"),
        *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff02::1]"),
        *("[::ffff:127.0.0.1]", "[::127.0.0.1]", "[2002:7f00:1::]"),
        *("[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2001:0:7f00:1::]"),
    ],
)
def test_hosts_that_are_not_public_are_refused(host: str) -> None:
    with pytest.raises(WebhookRefused):
        check_url(f"https://{host}/hook", private=False)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://1.1.1.1/", "file:///etc/passwd", "//1.1.1.1/", "hook", "https:///x"),
        *("http://1.1.1.1/", "https://user:secret@1.1.1.1/", "https://1.1.1.1/#x"),
        *("https://1.1.1.1:99999/", "https://1.1.1.1:0/", "https://[1.1.1.1/"),
        *("https://1.1.1.1/\r\nHost: x", "https://\0/", "https://a b/"),
    ],
)
def test_urls_of_another_form_are_refused(url: str) -> None:
    with pytest.raises(WebhookRefused):
        check_url(url, private=False)


@pytest.mark.parametrize("host", ["1.1.1.1", "1.1.1.1:8443", "[2606:4700::1111]"])
def test_public_hosts_are_accepted(host: str) -> None:
    check_url(f"https://{host}/hook", private=False)


def test_private_hosts_are_accepted_where_that_is_allowed() -> None:
    check_url("http://127.0.0.1:8080/hook", private=True)
    assert resolve("localhost", 80, private=True) in {"127.0.0.1", "::1"}


def test_name_without_an_address_is_told() -> None:
    with pytest.raises(Unresolved):
        resolve("nowhere.invalid", 443, private=False)
