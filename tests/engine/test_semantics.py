"""Tests the meaning of conditions by the tables of the filter grammar: operators, absent values, lists, modifiers."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from world import Happening, holds

from falcohost.engine.options import getopt

A, B, SIX = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"), IPv6Address("fe80::1")
MAPPED = IPv6Address("::ffff:10.0.0.1")


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ("= bash", "bash", True),
        ("== bash", "bash", True),
        ("= bash", "Bash", False),
        ("!= bash", "sh", True),
        ("!= bash", "bash", False),
        ("contains as", "bash", True),
        ("contains ''", "", True),
        ("contains AS", "bash", False),
        ("icontains AS", "bash", True),
        ("icontains É", "é", False),
        ("icontains k", "\u212a", False),  # the Kelvin sign is no ASCII letter
        ("startswith ba", "bash", True),
        ("startswith Ba", "bash", False),
        ("endswith sh", "bash", True),
        ("endswith ''", "bash", True),
        ("in (a, bash)", "bash", True),
        ("in (a, bash)", "b", False),
        ("in ()", "", False),
        ("intersects (a, bash)", "bash", True),
        ("< 1", "0", True),
        ("< 1", "é", False),
        (">= 1", "1", True),
        ("regex 'b.*'", "bash", True),
        ("regex 'b'", "bash", False),
        ("regex '[[:alpha:]]+'", "bash", True),
        ("regex '\\\\w+\\\\s\\\\d'", "bash 1", True),
        ("regex '.'", "\udc80", True),
        ("regex '.*'", "a\nb", False),
        ("regex '^a$'", "a", True),
        ("glob b*h", "bash", True),
        ("glob 'b?sh'", "bash", True),
        ("glob '[ab]*'", "bash", True),
        ("glob bash", "bash2", False),
        ("glob *", ".hidden/a", True),
        ("glob '\\\\*'", "*", True),
        ("glob '[a'", "[a", True),
        ("glob '?'", "é", False),  # two bytes, and Falco counts those
        ("glob '??'", "é", True),
        ("glob '[!a]'", "\udc80", True),
        ("iglob B*H", "bash", True),
        ("iglob '[B]ASH'", "bash", True),
        ("iglob É", "é", False),
    ],
)
def test_operators_on_text(condition, value, expected):
    """Text is compared as bytes; case folds for ASCII letters alone; globs and regexes take the whole value."""
    assert expected is holds(f"s.text {condition}", s_text=value)


@pytest.mark.parametrize(
    ("patterns", "value", "expected"),
    [
        ("/etc", "/etc/passwd", True),
        ("/etc", "/etc", True),
        ("/et", "/etc/x", False),
        ("/etc/passwd", "/etc", False),
        ("lib", "/lib/a", True),
        ("/lib/", "//lib", True),
        ("/", "/a", True),
        ("''", "", True),
        ("/var/*/log", "/var/x/log/y", True),
        ("/var/*/log", "/var/x/y/log", False),
        ("/var/[a-c]?", "/var/bx", True),
        ("/a/b, /a", "/a/c", True),
        ("/a/*/c, /a/b/d", "/a/b/c", True),
    ],
)
def test_pmatch_compares_components(patterns, value, expected):
    """``pmatch`` is a prefix test on path components, each of which may be a glob."""
    assert expected is holds(f"s.text pmatch ({patterns})", s_text=value)


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("n.int64 = 5", {"n_int64": 5}, True),
        ("n.int64 != 5", {"n_int64": 6}, True),
        ("n.int64 < 5", {"n_int64": 4}, True),
        ("n.int64 <= 5", {"n_int64": 5}, True),
        ("n.int64 > -5", {"n_int64": 4}, True),
        ("n.int64 >= 5", {"n_int64": 4}, False),
        ("n.int64 in (1, 2)", {"n_int64": 2}, True),
        ("n.int64 = 0", {"n_int64": 0}, True),
        ("n.double > 1", {"n_double": 1.5}, True),
        ("n.port = ssh", {"n_port": 22}, True),
        ("b.flag = true", {"b_flag": True}, True),
        ("b.flag = false", {"b_flag": False}, True),
        ("b.flag != false", {"b_flag": True}, True),
        ("b.flag in (false)", {"b_flag": False}, True),
        ("b.flag exists", {"b_flag": False}, True),
        ("buf.data contains b", {"buf_data": b"\0b\xff"}, True),
        ("buf.data bcontains 00ff", {"buf_data": b"a\0\xff"}, True),
        ("buf.data bstartswith 00", {"buf_data": b"a\0"}, False),
        ("buf.data = a", {"buf_data": b"a"}, True),
        ("buf.data in (a, b)", {"buf_data": b"b"}, True),
        ("buf.data endswith b", {"buf_data": b"ab"}, True),
    ],
)
def test_operators_on_numbers_flags_and_buffers(condition, values, expected):
    """Numbers, booleans and buffers compare by value."""
    assert expected is holds(condition, **values)


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ("ip.addr = 10.0.0.1", A, True),
        ("ip.addr = fe80::1", A, False),
        ("ip.addr != fe80::1", A, True),
        ("ip.addr = 10.0.0.1", MAPPED, False),
        ("ip.addr in (10.0.0.2, fe80::1)", SIX, True),
        ("ip.addr in (10.0.0.2, fe80::1)", A, False),
        ("ip.addr = oneof (10.0.0.1, 10.0.0.2)", A, True),
        ("ip.addr startswith '10.'", A, True),
        ("ip.addr startswith '10.'", SIX, False),
        ("ip.addr endswith '10.0.0.1'", MAPPED, True),
        ("ip.addr glob '10.*.1'", A, True),
        ("ip.addr regex '10[.].*'", A, True),
        ("ip.addr startswith anyof ('10.', '192.168.')", A, True),
        ("ip.net = 10.0.0.0/8", A, True),
        ("ip.net = 10.0.0.0/31", B, False),
        ("ip.net != 10.0.0.0/31", B, True),
        ("ip.net != fe80::/10", A, True),
        ("ip.net = 0.0.0.0/0", SIX, False),
        ("ip.net in (192.168.0.0/16, 10.0.0.0/8)", A, True),
        ("ip.net intersects (192.168.0.0/16, fe80::/10)", SIX, True),
    ],
)
def test_operators_on_addresses_and_networks(condition, value, expected):
    """Addresses never equal those of the other family; networks contain; text operators see what inet_ntop writes."""
    assert expected is holds(condition, ip_addr=value, ip_net=value)


@pytest.mark.parametrize(
    "condition",
    [
        *(f"s.text {check}" for check in ("= a", "!= a", "< 1", "contains a", "startswith a", "glob *", "regex '.*'")),
        *(f"s.text {check}" for check in ("in (a)", "pmatch (/)", "!= allof (a)", "icontains ''", "exists")),
        *(f"n.int64 {check}" for check in ("= 0", "!= 1", "< 1", ">= 0", "in (0, 1)", "exists")),
        *(f"b.flag {check}" for check in ("= true", "= false", "!= true", "!= false", "in (true, false)")),
        *(f"ip.addr {check}" for check in ("= 10.0.0.1", "!= 10.0.0.1", "in (::1)", "startswith ''")),
        *(f"ip.net {check}" for check in ("= 0.0.0.0/0", "!= 0.0.0.0/0", "in (0.0.0.0/0)")),
        *(f"l.texts {check}" for check in ("in (a)", "intersects (a)", "exists")),
        *(f"any.name {check}" for check in ("= a", "!= a", "in (a)", "exists", "startswith ''")),
        *(f"end.ip {check}" for check in ("= 10.0.0.1", "!= 10.0.0.1", "in (::1)", "exists")),
        *("s.text = val(s.other)", "s.other = val(s.text)", "s.text != val(s.other)", "s.other != val(s.text)"),
        *("tolower(s.text) != a", "len(s.text) = 0", "len(s.text) != 9", 'concat(s.text, "") = ""'),
        *("len(l.texts) = 0", 'join(",", l.texts) = ""', 'join(",", (s.text, "a")) exists'),
    ],
)
def test_an_absent_value_makes_every_check_false(condition):
    """A check of a value that is not there is false whatever its operator, and ``not`` makes it true."""
    assert holds(condition, s_other="") is False
    assert holds(f"not {condition}", s_other="") is True


def test_an_empty_list_is_absent_and_an_empty_text_is_not():
    """Extracting nothing is absence; extracting "" is a value."""
    assert holds("s.text exists and s.text = ''", s_text="")
    assert not holds("l.texts exists", l_texts=())
    assert not holds("any.name exists", any_name=())


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("l.texts in (a, b)", ("a", "b", "a"), True),
        ("l.texts in (a, b)", ("a", "c"), False),
        ("l.texts intersects (a, b)", ("a", "c"), True),
        ("l.texts intersects (a, b)", ("c",), False),
        ("l.texts in ()", ("a",), False),
        ("l.texts exists", ("a",), True),
        ("l.nums in (1, 2)", (1, 2), True),
        ("l.ips in (10.0.0.1, fe80::1)", (A, SIX), True),
        ("l.ips intersects (10.0.0.1)", (B, A), True),
        ("l.nets in (10.0.0.0/8, fe80::/10)", (A, SIX), True),
        ("l.nets in (10.0.0.0/8)", (A, SIX), False),
        ("l.nets intersects (10.0.0.0/8)", (A, SIX), True),
    ],
)
def test_lists(condition, values, expected):
    """``in`` wants every element among the values, ``intersects`` at least one."""
    assert expected is holds(condition, **{condition.split()[0].replace(".", "_"): values})


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("startswith oneof (/e, /etc)", False),
        ("startswith allof (/e, /etc)", True),
        ("startswith anyof (/e, /usr)", True),
        ("startswith oneof (/e, /usr)", True),
        ("= anyof (a, /etc/x)", True),
        ("= oneof (/etc/x, /etc/x)", False),
        ("!= allof (a, b)", True),
        ("!= allof (a, /etc/x)", False),
        ("!= anyof (a, /etc/x)", True),
        ("contains allof (etc, x)", True),
        ("regex anyof ('a', '/.*')", True),
        ("glob oneof ('*', '/*')", False),
        ("endswith anyof (z, x)", True),
        ("startswith allof ()", False),
        ("= anyof ()", False),
        ("!= allof ()", False),
    ],
)
def test_modifiers_count_the_values_that_fit(condition, expected):
    """``oneof`` is exactly one, ``anyof`` at least one, ``allof`` all; of no values none is ever true."""
    assert expected is holds(f"s.text {condition}", s_text="/etc/x")


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("any.name = sshd", ("bash", "sshd"), True),
        ("any.name != bash", ("bash", "sshd"), True),
        ("any.name != bash", ("bash",), False),
        ("any.name in (a, sshd)", ("bash", "sshd"), True),
        ("any.name startswith ss", ("bash", "sshd"), True),
        ("any.name = anyof (a, sshd)", ("bash", "sshd"), True),
        ("any.pid in (1, 2)", (7, 1), True),
        ("any.pid > 6", (7, 1), True),
        ("end.ip = 10.0.0.1", (B, A), True),
        ("end.ip != 10.0.0.1", (B, A), False),
        ("end.ip != 10.0.0.1", (B, B), True),
        ("end.ip in (::1, 10.0.0.1)", (B, A), True),
        ("end.ip intersects (::1, 10.0.0.1)", (B, A), True),
        ("end.ip startswith '10.'", (SIX, A), True),
        ("end.port in (22, 80)", (5000, 80), True),
        ("end.port != 80", (5000, 80), False),
        ("end.net in (192.168.0.0/16, 10.0.0.0/8)", (SIX, A), True),
        ("end.net != 10.0.0.0/8", (SIX, A), False),
        ("end.net != 10.0.0.0/8", (SIX, SIX), True),
    ],
)
def test_fields_with_several_values_to_compare(condition, values, expected):
    """Any value may satisfy a check; for endpoints ``!=`` must hold for all of them."""
    assert expected is holds(condition, **{condition.split()[0].replace(".", "_"): values})


def test_an_argument_makes_such_a_field_a_plain_one():
    """With an index, one value is compared, not any."""
    event = Happening({("any.name", 1): "sshd", ("any.name", 0): "bash"})

    assert holds("any.name[1] = sshd and any.name[0] != sshd", event)
    assert not holds("any.name[0] = sshd or any.name[2] exists", event)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("tolower(s.text) = abé", True),
        ("toupper(s.text) = ABé", True),
        ("toupper(tolower(s.text)) = ABé", True),
        ("len(s.text) = 4", True),
        ('len("abc") = 3', True),
        ('tolower("X") = x', True),
        ("basename(s.path) = b", True),
        ('basename("/a/") = ""', True),
        ("b64(s.other) = abc", True),
        ('b64("YWI") = ab', True),
        ('b64("YW") exists', False),
        ('b64("Y") exists', False),
        ('b64("*") exists', False),
        ("len(l.texts) = 3", True),
        ("len(buf.data) = 2", True),
        ('join("-", l.texts) = "-a--bval-rest"', True),
        ('join(",", (s.path, "x", 5, n.uint64)) = "/a/b,x,5,7"', True),
        ('join(",", (l.texts, "x")) contains "rest,x"', True),
        ('concat(s.other, "/", s.text) = YWJj/aBé', True),
        ("basename(l.texts) in (-a, -bval, rest)", True),
        ('getopt(l.texts, "ab:")[a] = a', True),
        ('getopt(l.texts, "ab:")[b] = val', True),
        ('getopt(l.texts, "ab:c")[c] exists', False),
        ('getopt(l.texts, "ab:") in (a, b, val)', True),
        ('getopt(l.texts, "b:") intersects ("?")', True),
        ('len(getopt(l.texts, "ab:")) = 3', True),
        ("s.text = val(s.text)", True),
        ("tolower(s.text) = tolower(s.text)", True),
        ("s.path startswith val(s.path)", True),
        ("s.text icontains val(s.text)", True),
        ("s.other glob val(s.other)", True),
        ("n.uint64 >= val(n.uint64)", True),
        ("l.texts in val(l.texts)", True),
        ("l.texts intersects val(l.texts)", True),
    ],
)
def test_transformers_and_right_sides(condition, expected):
    """Transformers nest, map over lists, and take constants; ``val`` compares with another field."""
    values = {
        "s_text": "aBé",
        "s_path": "/a/b",
        "s_other": "YWJj",
        "n_uint64": 7,
        "buf_data": b"\0\1",
        "l_texts": ("-a", "-bval", "rest"),
    }

    assert expected is holds(condition, **values)


@pytest.mark.parametrize(
    ("arguments", "optstring", "found"),
    [
        (("-ab", "-c"), "abc", ("a", "b", "c")),
        (("-a", "--", "-b"), "ab", ("a",)),
        (("-a", "--long", "-b"), "ab", ("a", "b")),
        (("-a", "-", "-b"), "ab", ("a",)),
        (("-xval", "-x", "next"), "x:", ("x", "val", "x", "next")),
        (("-x",), "x:", ("",)),
        (("-q",), "x", ("?",)),
        (("-ax", "v", "-b"), "abx:", ("a", "x", "v", "b")),
        (("-:",), ":a", ("?",)),
    ],
)
def test_getopt_reads_short_options(arguments, optstring, found):
    """Clusters expand, values follow their letters, unknown letters are ``?``, and the first other word ends it."""
    assert found == getopt(arguments, optstring)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("s.text = a or s.text = b and s.other = c", True),
        ("(s.text = a or s.text = b) and s.other = c", False),
        ("not s.text = b and s.text = a", True),
        ("not (s.text = b and s.text = a)", True),
        ("not not s.text = a", True),
    ],
)
def test_boolean_operators(condition, expected):
    """``not`` binds closer than ``and``, and that closer than ``or``."""
    assert expected is holds(condition, s_text="a", s_other="x")
