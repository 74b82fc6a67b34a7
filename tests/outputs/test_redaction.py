"""Redaction: what is a secret and what is none, wherever it stands, and what hostile texts cost."""

import functools
import json
import time
import weakref

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost import ConfigError
from falcohost.engine.alerts import JsonOptions
from falcohost.host.config import parse
from falcohost.host.config.document import read_text
from falcohost.outputs.formats import FORMATS, make_format
from falcohost.outputs.redaction import HIDDEN, MOST, UNREAD, Redactor
from falcohost.outputs.redaction_settings import Redaction
from falcohost.subscribers.taker import ToOutput
from falcohost.testing.outputs import alert

REDACT = Redactor(Redaction())

#: Texts with the secret ``hunter2hunter2``, in which all else stays.
SECRET = "hunter2hunter2"
TEXTS = [
    "mysql -u root -p{} db",
    "mysqldump --all-databases -p{}",
    "sshpass -p {} ssh host",
    "sshpass -p{} ssh host",
    "docker login registry -u bob -p {}",
    "redis-cli -h host -a {} ping",
    "curl -u bob:{} https://x.example",
    "curl -s --user=bob:{} https://x.example",
    "openssl rsa -passin pass:{} -in key",
    "smbclient -U bob%{} //host/share",
    "app --password={} -v",
    "app --password {} -v",
    "app -password {}",
    'app --db-passwd="{}"',
    "app --client-secret '{}' x",
    "PGPASSWORD={} psql -h host",
    "MYSQL_PWD={} mysql",
    "env AWS_SECRET_ACCESS_KEY={} aws s3 ls",
    "export GITHUB_TOKEN={}; make",
    "curl 'https://x.example/?a=1&access_token={}&b=2'",
    "git clone https://bob:{}@x.example/repo",
    "redis://:{}@host:6379/0",
    "curl -H 'Authorization: Bearer {}' https://x.example",
    "curl -H 'Authorization: Basic {}' https://x.example",
    "curl -H 'X-Api-Key: {}' https://x.example",
    "curl -H 'Cookie: {}' https://x.example",
    '{{"user": "bob", "password": "{}", "n": 1}}',
    '{{\\"token\\": \\"{}\\"}}',
    "password: {}",
]
#: Secrets that are known by their form, as they might stand anywhere.
FORMS = [
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2_" * 8,
    "glpat-" + "a1B2c" * 4,
    "xoxb-" + "123456789012-abcdef",
    "AIza" + "a1B2c" * 7,
    "sk_live_" + "a1B2" * 6,
    "npm_" + "a1B2" * 9,
    "hvs." + "a1B2c" * 5,
]
#: Texts in which there is no secret.
PLAIN = [
    "mkdir -p /tmp/a",
    "ssh -p 2222 host",
    "nmap -p80 host",
    "cp -pr a b",
    "mysql -p -u root",
    "app --password-file=/etc/app/password --token-path /run/token",
    "app --secret-name db --token-type jwt --token-ttl=3600",
    "kubectl get secret db -o yaml",
    "cat /run/secrets/kubernetes.io/serviceaccount/token",
    "passwd bob",
    "git log --author=bob",
    "https://x.example/path?page=2",
    "basic authentication failed",
    "PWD=/root OLDPWD=/",
    "vault token lookup",
    "",
]


def redacted(text, message="ran {} (secret=name)", **changes):
    """Return an alert about a command line, redacted, and how it was."""
    one = msgspec.structs.replace(
        alert("a"),
        fields={"proc.cmdline": text, "proc.pid": 1, "none": None},
        message=message.replace("{}", text),
        output="12:00: Notice " + message.replace("{}", text),
        **changes,
    )
    return REDACT(one), one


@pytest.mark.parametrize("text", TEXTS)
def test_secrets(text):
    """The secret, and nothing else, is replaced: in the field, in the message and in the line."""
    found, _ = redacted(text.format(SECRET))

    assert text.format(HIDDEN) == found.fields["proc.cmdline"]
    assert f"ran {text.format(HIDDEN)} (secret=name)" == found.message
    assert SECRET not in found.output
    assert {"proc.pid": 1, "none": None}.items() <= found.fields.items()


@pytest.mark.parametrize("secret", FORMS)
def test_forms(secret):
    """A token is found by its form, also where only the message has it."""
    found, _ = redacted(f"echo {secret} | cat")
    raised = REDACT(msgspec.structs.replace(alert("a"), fields={}, message=f"saw {secret}", output=f"x {secret}"))

    assert "echo *** | cat" == found.fields["proc.cmdline"]
    assert ("saw ***", "x ***") == (raised.message, raised.output)


def test_tokens_and_keys():
    """Of a signed token its head is left, of a private key its first line."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijk"
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----"

    assert "x eyJhbGciOiJIUzI1NiJ9.*** y" == redacted(f"x {token} y")[0].fields["proc.cmdline"]
    assert "MIIEow" not in (found := redacted(f"echo '{key}'")[0]).fields["proc.cmdline"]
    assert "MIIEow" not in found.message


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret(text):
    """What has no secret is left as it is: the alert is the same object."""
    found, given = redacted(text)

    assert found is given


def test_records():
    """In records, a key that names a secret makes one of its value; lists and records within are looked through."""
    record = {"user": "bob", "password": SECRET, "list": [{"apiKey": SECRET}, f"--token={SECRET}"], "token_type": "x"}
    found = REDACT(msgspec.structs.replace(alert("a"), fields={"ct.request": record}, message=f"saw {SECRET}"))

    assert SECRET not in str(found)
    assert {"user": "bob", "token_type": "x"}.items() <= found.fields["ct.request"].items()


def test_what_only_the_condition_read():
    """Values that only the condition read are looked through, too."""
    read = msgspec.msgpack.encode({"proc.args": f"--password={SECRET}", "n": 1})
    found, _ = redacted("x", read=read)

    assert {"proc.args": "--password=***", "n": 1} == msgspec.msgpack.decode(found.read)


def test_fields():
    """The value of a field that is named is replaced as a whole, in the message, too; that of one variable is not."""
    fields = {"proc.env": f"A=1 B={SECRET}", "proc.env[LD_PRELOAD]": "/tmp/x.so"}
    one = msgspec.structs.replace(alert("a"), fields=fields, message=f"env=A=1 B={SECRET} preload=/tmp/x.so")
    found = REDACT(one)

    assert {"proc.env": "***", "proc.env[LD_PRELOAD]": "/tmp/x.so"} == found.fields
    assert "env=*** preload=/tmp/x.so" == found.message


@pytest.mark.parametrize("name", ["json.value[/user]", "falcohost.values.json.value[/user]", "evt.arg[3]", "a[?]"])
def test_names_with_arguments(name):
    """A name in the configuration is that of a field with its argument, also for several matches; brackets are none."""
    redact = Redactor(Redaction(fields=("json.value[/user]", "evt.arg", "a[?]")))
    one = msgspec.structs.replace(alert("a"), fields={name: "eve at home", "a[b]": "x", "json.value/": "x"})

    assert {name: HIDDEN, "a[b]": "x", "json.value/": "x"} == redact(one).fields


@pytest.mark.parametrize("name", ["proc.env", "proc.aenv", "proc.aenv[2]", "evt.arg.env", "falcohost.values.proc.env"])
def test_environments(name):
    """Nothing said, environments of processes and of their ancestors are replaced, also those of further matches."""
    one = msgspec.structs.replace(alert("a"), fields={name: "A=1 hush"}, message="saw A=1 hush")

    assert ({name: HIDDEN}, "saw ***") == ((found := REDACT(one)).fields, found.message)


@pytest.mark.parametrize("name", ["json.value[/user/password]", "proc.env[DB_PASSWORD]", "container.label[api.token]"])
def test_arguments_that_name_secrets(name):
    """A field whose argument names a secret has one, alone and in a list; what it says is hidden in the message."""
    fields = {name: "correct horse", f"falcohost.values.{name}": ["correct horse", "staple"]}
    one = msgspec.structs.replace(alert("a"), fields=fields, message="p=correct horse")
    found = REDACT(one)

    assert {name: HIDDEN, f"falcohost.values.{name}": [HIDDEN, HIDDEN]} == found.fields
    assert "p=***" == found.message


@pytest.mark.parametrize(
    ("value", "message", "shown"),
    [
        ("", "program env= started", "program env= started"),
        ("e", "the env e is seen, env=e", "the env *** is seen, env=***"),
        ("-e", "the env -e is seen", "the env *** is seen"),
        (["a b", "c"], "the env (a b,c) is seen", "the env *** is seen"),
    ],
)
def test_values_that_are_short(value, message, shown):
    """A value that is empty or short hides nothing else of the message; a list is hidden as the message has it."""
    one = msgspec.structs.replace(alert("a"), fields={"proc.env": value}, message=message)

    assert shown == REDACT(one).message


@pytest.mark.parametrize("form", FORMATS)
def test_every_form(form):
    """No form says what was replaced."""
    found, given = redacted(f"app --password={SECRET}", read=msgspec.msgpack.encode({"a": f"token={SECRET}"}))
    written = make_format(form, JsonOptions(subjects=True, condition_fields=True, message=True))

    assert SECRET.encode() in written.line(given)
    assert SECRET.encode() not in written.line(found)


def test_own_patterns():
    """Patterns of one's own replace their group, or all that they match; falcohost's own can be left out."""
    redact = Redactor(Redaction(patterns=(r"card (\d+)", "[A-Z]{3}-[0-9]{4}"), built_in=False))
    one = msgspec.structs.replace(alert("a"), fields={"a": "card 42 ABC-1234 --password=x"})

    assert {"a": "card *** *** --password=x"} == redact(one).fields


def test_configuration():
    """Falco's outputs get alerts as they are, those by name redacted; each can say otherwise, and all at once."""
    text = "file_output: {{enabled: true, filename: a}}\noutputs:\n  b: {{type: file, filename: b{}}}\n"
    for more, own, expected in (
        ("", "", (False, True)),
        ("falcohost: {redact: {all: true}}", ", redact: false", (True, False)),
    ):
        found = parse(read_text(text.format(own) + more, "falco.yaml")).outputs.enabled
        assert expected == (found["file"].redact, found["b"].redact)
    with pytest.raises(ConfigError, match=r"falco.yaml:1:41: .*'\(' is no regular expression: missing \)"):
        parse(read_text("falcohost: {redact: {patterns: ['a(b)', '(']}}", "falco.yaml"))


def test_an_output_gets_it_redacted():
    """The output gets redacted alerts, and what it refuses is the alert that the host has."""

    class Kept:
        got = ()

        def deliver(self, alerts):
            self.got = alerts

        def reopen(self):
            """Do nothing."""

        close = reopen

    kept = Kept()
    _, given = redacted(f"app --password={SECRET}")
    ToOutput(kept, redact=REDACT.all).take(0, [given])

    assert SECRET not in json.dumps([one.fields for one in kept.got])
    assert SECRET in given.message


@given(st.text(max_size=200), st.sampled_from(TEXTS))
def test_anything(text, template):
    """Whatever stands around a secret behind a blank, the secret goes, and nothing raises."""
    found, _ = redacted(f"{text}\n{template.format(SECRET)}".replace("|", ""))
    if not {*"'\"\\-:="} & {*text}:
        assert SECRET not in found.message


@functools.cache
def redactor_of(own):
    """Return what redacts with a pattern of one's own."""
    return Redactor(Redaction(patterns=(own,) if own else ()))


@given(
    values=st.lists(
        st.one_of(
            st.sampled_from([*(text.format(SECRET) for text in TEXTS), *FORMS, *PLAIN, "root", "a\nroot", "root\nb"]),
            st.text(max_size=20),
            st.lists(
                st.one_of(st.sampled_from(["root", "b", f"--token={SECRET}", "--token", SECRET]), st.integers(-9, 9))
            ),
            st.dictionaries(st.sampled_from(["a", "password"]), st.text(max_size=9)),
            st.sampled_from([None, 1, 1.5, True, SECRET, "--password", "-p"]),
        ),
        max_size=5,
    ),
    names=st.permutations(["a", "b", "proc.env", "c", "d"]),
    more=st.sampled_from(["", "x", "token=x", FORMS[0], "root"]),
    own=st.sampled_from(
        ["", "^root", "root$", r"\Aroot\z", "(?-m)^root$", r"(?i)\bROOT", r"\Broot", "b\nroot", "t$|b"]
    ),
    in_read=st.booleans(),
)
def test_a_glance(values, names, more, own, in_read):
    """What a glance finds to be without secrets has none: the alert is the same as after a close look."""
    fields = dict(zip(names, values, strict=False))
    read = msgspec.msgpack.encode(fields) if in_read else b""
    said = " ".join(value for value in values if isinstance(value, str))
    one = msgspec.structs.replace(
        alert("a"), fields={} if in_read else fields, read=read, message=f"{said}{more}", output=f"12: {said}{more}"
    )
    redact = redactor_of(own)

    assert redact._redacted(one) == redact(one)


def of(command):
    """Return an alert about *command*."""
    return msgspec.structs.replace(alert("a"), message=command, output=command, fields={"proc.cmdline": command})


def test_once_for_several_outputs():
    """Several outputs that deliver the same alert have it redacted once; it is not kept in memory for that."""
    redact = Redactor(Redaction())
    given = [alert("a"), of(f"mysql --password={SECRET}"), alert("b")]
    first, second = redact.all(given), redact.all(given)

    assert [True, False, True] == [one is other for one, other in zip(first, given, strict=True)]
    assert all(one is other for one, other in zip(first, second, strict=True))
    assert SECRET not in first[1].message
    gone = [weakref.ref(one) for one in (*given, first[1])]
    del given, first, second
    assert {None} == {one() for one in gone}


def test_patterns_of_others():
    """What was found with some patterns does not count for others."""
    one = of("app card 1234")
    assert one is Redactor(Redaction())(one)

    assert f"app card {HIDDEN}" == Redactor(Redaction(patterns=(r"card (\d+)",)))(one).fields["proc.cmdline"]


def test_a_copy_is_redacted_anew():
    """A copy of an alert with another value has nothing of what was remembered of the alert."""
    one = of("app")
    form = make_format("json", JsonOptions())
    line = form.line(REDACT(one))
    copied = msgspec.structs.replace(one, fields={"proc.cmdline": f"app --password={SECRET}"})

    assert f"app --password={HIDDEN}" == REDACT(copied).fields["proc.cmdline"]
    assert line != form.line(copied)


def test_among_many():
    """A secret is found among many alerts without one, which are delivered as they are."""
    given = [of(f"app {number}") for number in range(300)]
    places = {0, 31, 32, 200, 299}
    for place in places:
        given[place] = of(f"app --password={SECRET}{place}")
    found = Redactor(Redaction()).all(given)

    assert places == {place for place, one in enumerate(found) if one is not given[place]}
    assert {f"app --password={HIDDEN}"} == {found[place].fields["proc.cmdline"] for place in places}


@pytest.mark.parametrize(
    "text",
    ["-", "password", "mysql -p -", "a://", "password=", "eyJaaaaaaaa.", "--token ", "curl -u a:b ", "x=\\", " "],
)
def test_what_hostile_texts_cost(text):
    """Time is in proportion to the length: eight times the text takes far less than sixty-four times as long."""

    def cost(length):
        given = (text * length)[:length]
        best = 1e9
        for _ in range(3):
            begun = time.process_time()
            redacted(given)
            best = min(best, time.process_time() - begun)
        return best

    assert cost(160_000) < 32 * cost(20_000) + 0.05


def test_too_much():
    """What is longer than can be looked through is left out, and said to be."""
    found, _ = redacted("x" * (MOST + 1))

    assert UNREAD == found.fields["proc.cmdline"]
