/* Reaching an address in other ways than by connect(2) with its IPv4 form. Both ends are in this process, in a network
 * that the place `network` made: nothing leaves the machine. */
#define _GNU_SOURCE
#include "evasion.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PORT 80
#define MULTIPATH 262

static struct sockaddr_in address_of(const char *text)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};

	inet_pton(AF_INET, text, &address.sin_addr);
	return address;
}

static struct sockaddr_in6 mapped_address_of(const char *text)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	char mapped[64];

	snprintf(mapped, sizeof(mapped), "::ffff:%s", text);
	inet_pton(AF_INET6, mapped, &address.sin6_addr);
	return address;
}

static void listen_there(const char *text, int type)
{
	struct sockaddr_in address = address_of(text);
	int server = must("socket", socket(AF_INET, type, 0));

	must("bind", bind(server, (struct sockaddr *)&address, sizeof(address)));
	if (type == SOCK_STREAM)
		must("listen", listen(server, 4));
}

static int to_server(const char *text, int family, int protocol)
{
	listen_there(text, SOCK_STREAM);
	return must("socket", socket(family, SOCK_STREAM, protocol));
}

static int connect_mapped(int argc, char **argv)
{
	struct sockaddr_in6 address = mapped_address_of(argv[1]);
	int client = to_server(argv[1], AF_INET6, 0);

	return must("connect", connect(client, (struct sockaddr *)&address, sizeof(address)));
}

static int connect_multipath(int argc, char **argv)
{
	struct sockaddr_in address = address_of(argv[1]);
	int client;

	listen_there(argv[1], SOCK_STREAM);
	client = socket(AF_INET, SOCK_STREAM, MULTIPATH);
	if (client < 0)
		cannot("multipath TCP");
	return must("connect", connect(client, (struct sockaddr *)&address, sizeof(address)));
}

static int connect_nonblocking(int argc, char **argv)
{
	struct sockaddr_in address = address_of(argv[1]);
	int client = to_server(argv[1], AF_INET, 0);

	must("fcntl", fcntl(client, F_SETFL, O_NONBLOCK));
	return connect(client, (struct sockaddr *)&address, sizeof(address)) && errno != EINPROGRESS;
}

/* The first data and the connection in one call. */
static int connect_fast_open(int argc, char **argv)
{
	struct sockaddr_in address = address_of(argv[1]);
	int client = to_server(argv[1], AF_INET, 0);

	return must("sendto", sendto(client, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&address, sizeof(address))) != 1;
}

static int connect_fast_open_message(int argc, char **argv)
{
	struct sockaddr_in address = address_of(argv[1]);
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &part, .msg_iovlen = 1};

	return must("sendmsg", sendmsg(to_server(argv[1], AF_INET, 0), &message, MSG_FASTOPEN)) != 1;
}

static int connect_ring(int argc, char **argv)
{
	struct sockaddr_in address = address_of(argv[1]);
	struct io_uring_sqe entry = {.opcode = IORING_OP_CONNECT, .fd = to_server(argv[1], AF_INET, 0),
				     .addr = (unsigned long)&address, .off = sizeof(address)};

	return must("connect", ring_call(&entry));
}

static int connect_ring_fast_open(int argc, char **argv)
{
	struct sockaddr_in address = address_of(argv[1]);
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &part, .msg_iovlen = 1};
	struct io_uring_sqe entry = {.opcode = IORING_OP_SENDMSG, .fd = to_server(argv[1], AF_INET, 0),
				     .addr = (unsigned long)&message, .len = 1, .msg_flags = MSG_FASTOPEN};

	return ring_call(&entry) < 0 && errno != EINPROGRESS;
}

static struct sockaddr_in overwritten;

/* The connection is accepted when the passed address has been changed. */
static void *overwrite_and_accept(void *server)
{
	usleep(100000);
	overwritten = address_of("127.0.0.1");
	must("accept", accept(*(int *)server, NULL, NULL));
	return NULL;
}

static int connect_overwritten(int argc, char **argv)
{
	struct sockaddr_in any = address_of("0.0.0.0"), local = address_of("127.0.0.1");
	int server = must("socket", socket(AF_INET, SOCK_STREAM, 0)), first = must("socket", socket(AF_INET, SOCK_STREAM, 0));
	int client = must("socket", socket(AF_INET, SOCK_STREAM, 0));
	pthread_t thread;

	must("bind", bind(server, (struct sockaddr *)&any, sizeof(any)));
	must("listen", listen(server, 0));
	must("connect", connect(first, (struct sockaddr *)&local, sizeof(local)));
	overwritten = address_of(argv[1]);
	must("thread", -pthread_create(&thread, NULL, overwrite_and_accept, &server));
	return must("connect", connect(client, (struct sockaddr *)&overwritten, sizeof(overwritten)));
}

static int connect_32bit(int argc, char **argv)
{
	struct sockaddr_in address = address_of(argv[1]);
	int client = to_server(argv[1], AF_INET, 0);

	return must("connect", call32(362, client, (long)low_memory(&address, sizeof(address)), sizeof(address), 0, 0));
}

static int connect_socketcall(int argc, char **argv)
{
	struct sockaddr_in address = address_of(argv[1]);
	unsigned list[] = {to_server(argv[1], AF_INET, 0), (unsigned)(long)low_memory(&address, sizeof(address)),
			   sizeof(address)};

	return must("connect", call32(102, 3, (long)low_memory(list, sizeof(list)), 0, 0, 0));
}

/* An unconnected datagram socket; every datagram has its address. */
static int datagram(int argc, char **argv)
{
	struct sockaddr_in address = address_of(argv[1]);

	listen_there(argv[1], SOCK_DGRAM);
	return must("sendto", sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (struct sockaddr *)&address,
				     sizeof(address))) != 1;
}

static int datagrams(int argc, char **argv)
{
	struct sockaddr_in address = address_of(argv[1]);
	struct iovec part = {"x", 1};
	struct mmsghdr message = {.msg_hdr = {.msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &part,
					      .msg_iovlen = 1}};

	listen_there(argv[1], SOCK_DGRAM);
	return must("sendmmsg", sendmmsg(socket(AF_INET, SOCK_DGRAM, 0), &message, 1, 0)) != 1;
}

static int datagram_ring(int argc, char **argv)
{
	struct sockaddr_in address = address_of(argv[1]);
	struct io_uring_sqe entry = {.opcode = IORING_OP_SEND, .addr = (unsigned long)"x", .len = 1,
				     .addr2 = (unsigned long)&address, .addr_len = sizeof(address)};

	listen_there(argv[1], SOCK_DGRAM);
	entry.fd = must("socket", socket(AF_INET, SOCK_DGRAM, 0));
	return must("send", ring_call(&entry)) != 1;
}

/* A datagram with a header that the program builds itself. */
static int datagram_raw(int argc, char **argv)
{
	struct sockaddr_in address = address_of(argv[1]);
	struct udphdr head = {.source = htons(PORT), .dest = htons(PORT), .len = htons(sizeof(head))};

	address.sin_port = 0;
	return must("sendto", sendto(must("socket", socket(AF_INET, SOCK_RAW, IPPROTO_UDP)), &head, sizeof(head), 0,
				     (struct sockaddr *)&address, sizeof(address))) != sizeof(head);
}

static void listen_at(const struct sockaddr_un *address, socklen_t length)
{
	int server = must("socket", socket(AF_UNIX, SOCK_STREAM, 0));

	must("bind", bind(server, (const struct sockaddr *)address, length));
	must("listen", listen(server, 4));
}

static int connect_at(const struct sockaddr_un *address, socklen_t length)
{
	int client = must("socket", socket(AF_UNIX, SOCK_STREAM, 0));

	return must("connect", connect(client, (const struct sockaddr *)address, length));
}

/* The server's socket is docker.sock in a new folder `run`; the client uses another name. */
static int connect_to_socket(const char *other)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "run/docker.sock"};

	must("run", mkdir("run", 0755));
	listen_at(&address, sizeof(address));
	must("link", symlink("run/docker.sock", "link"));
	strcpy(address.sun_path, other);
	return connect_at(&address, sizeof(address));
}

static int unix_plain(int argc, char **argv)
{
	return connect_to_socket("run/docker.sock");
}

static int unix_symlink(int argc, char **argv)
{
	return connect_to_socket("link");
}

static int unix_relative(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "docker.sock"};

	must("run", mkdir("run", 0755));
	must("chdir", chdir("run"));
	listen_at(&address, sizeof(address));
	return connect_at(&address, sizeof(address));
}

/* Through a descriptor of the socket's file. */
static int unix_descriptor(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "docker.sock"};

	listen_at(&address, sizeof(address));
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d",
		 must("docker.sock", open("docker.sock", O_PATH)));
	return connect_at(&address, sizeof(address));
}

static int unix_hard_link(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "docker.sock"};

	listen_at(&address, sizeof(address));
	must("link", link("docker.sock", "other"));
	strcpy(address.sun_path, "other");
	return connect_at(&address, sizeof(address));
}

static int unix_bound(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "docker.sock"};

	own_mounts();
	listen_at(&address, sizeof(address));
	close(must("other", open("other", O_CREAT | O_WRONLY, 0644)));
	must("mount", mount("docker.sock", "other", NULL, MS_BIND, NULL));
	strcpy(address.sun_path, "other");
	return connect_at(&address, sizeof(address));
}

/* A name that is in no file system. */
static int unix_abstract(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0falcohost/docker.sock"};
	socklen_t length = sizeof(sa_family_t) + sizeof("\0falcohost/docker.sock") - 1;

	listen_at(&address, length);
	return connect_at(&address, length);
}

const struct command connect_commands[] = {
	{"connect-mapped", 1, "ADDRESS", connect_mapped},
	{"connect-multipath", 1, "ADDRESS", connect_multipath},
	{"connect-nonblocking", 1, "ADDRESS", connect_nonblocking},
	{"connect-fast-open", 1, "ADDRESS", connect_fast_open},
	{"connect-fast-open-message", 1, "ADDRESS", connect_fast_open_message},
	{"connect-overwritten", 1, "ADDRESS", connect_overwritten},
	{"connect-ring", 1, "ADDRESS", connect_ring},
	{"connect-ring-fast-open", 1, "ADDRESS", connect_ring_fast_open},
	{"connect-32bit", 1, "ADDRESS", connect_32bit},
	{"connect-socketcall", 1, "ADDRESS", connect_socketcall},
	{"datagram", 1, "ADDRESS", datagram},
	{"datagrams", 1, "ADDRESS", datagrams},
	{"datagram-ring", 1, "ADDRESS", datagram_ring},
	{"datagram-raw", 1, "ADDRESS", datagram_raw},
	{"unix-plain", 0, "", unix_plain},
	{"unix-symlink", 0, "", unix_symlink},
	{"unix-relative", 0, "", unix_relative},
	{"unix-descriptor", 0, "", unix_descriptor},
	{"unix-hard-link", 0, "", unix_hard_link},
	{"unix-bound", 0, "", unix_bound},
	{"unix-abstract", 0, "", unix_abstract},
	{0},
};
