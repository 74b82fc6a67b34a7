/* Commands about sockets. Both ends are in this process: nothing leaves the machine. */
#define _GNU_SOURCE
#include "tester.h"
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int run_socket(int argc, char **argv)
{
	int fd = !strcmp(argv[1], "packet") ? socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) :
		 !strcmp(argv[1], "icmp")   ? socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) :
					      socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		die("socket");
	return 0;
}

int connect_to_self(const char *address, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t length = sizeof(to);
	int on = 1, server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, address, &to.sin_addr);
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(server, (struct sockaddr *)&to, sizeof(to)) || listen(server, 1))
		die("listen");
	if (getsockname(server, (struct sockaddr *)&to, &length) || connect(client, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	return client;
}

static int run_connect(int argc, char **argv)
{
	connect_to_self(argv[1], atoi(argv[2]));
	return 0;
}

/* A datagram socket with a destination; nothing is sent. */
static int run_connect_datagrams(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};

	inet_pton(AF_INET, argv[1], &to.sin_addr);
	if (connect(socket(AF_INET, SOCK_DGRAM, 0), (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	return 0;
}

/* Four bytes, in hexadecimal digits, from this program to itself. */
static int run_receive(int argc, char **argv)
{
	struct sockaddr_in own = {.sin_family = AF_INET};
	socklen_t length = sizeof(own);
	unsigned int sent = htonl(strtoul(argv[1], NULL, 16)), got;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, "127.0.0.1", &own.sin_addr);
	if (bind(fd, (struct sockaddr *)&own, length) || getsockname(fd, (struct sockaddr *)&own, &length))
		die("bind");
	if (sendto(fd, &sent, sizeof(sent), 0, (struct sockaddr *)&own, length) < 0)
		die("sendto");
	return recvfrom(fd, &got, sizeof(got), 0, NULL, NULL) != sizeof(got);
}

static int run_connect_unix(int argc, char **argv)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(to.sun_path, argv[1], sizeof(to.sun_path) - 1);
	if (bind(server, (struct sockaddr *)&to, sizeof(to)) || listen(server, 1))
		die(argv[1]);
	if (connect(client, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	return unlink(argv[1]);
}

static int run_redirect(int argc, char **argv)
{
	int client = connect_to_self("127.0.0.1", 0);

	if (dup2(client, atoi(argv[1])) < 0)
		die("dup2");
	return 0;
}

const struct command network_commands[] = {
	{"socket", 1, "packet|icmp|inet", run_socket},
	{"connect", 2, "ADDRESS PORT", run_connect},
	{"connect-datagrams", 2, "ADDRESS PORT", run_connect_datagrams},
	{"receive", 1, "BYTES", run_receive},
	{"connect-unix", 1, "PATH", run_connect_unix},
	{"redirect", 1, "DESCRIPTOR", run_redirect},
	{0},
};
