/* lib/login: what check-rate and auth-program are asked, in which order. */
#include "login.h"
#include "settingsmap.h"
#include "tap.h"

static struct map m;

/* What the programs have noted since the last call. */
static void
noted(const char *want)
{
	char got[1024];
	FILE *f = fopen("noted", "r");
	size_t n = f != NULL ? fread(got, 1, sizeof got, f) : 0;

	if (f != NULL)
		fclose(f);
	unlink("noted");
	is_mem(got, n, want, "  asked");
}

static void
try(const char *user, const char *pass, enum login_result want,
    const char *what)
{
	is_int(login_check(&m, user, pass), want, what);
}

static void
logins(void)
{
	char pass[500];

	script("check-rate", "echo rate $1 >>noted; exit $(cat code)");
	script("auth", "tr '\\0' ' ' <&3 | sed 's/[0-9]* $//' >>noted; "
	    "echo >>noted; exit $1");
	script("code", "");
	script("plain", "head -c 1 >/dev/null <&3; exit 0");
	(void)!system("echo 0 >code");
	settings_map(&m, "auth-program", "auth 0", NULL);
	setenv("TCPREMOTEIP", "192.0.2.1", 1);
	try("joe", "s ecret", LOGIN_OK, "right");
	noted("rate login\njoe s ecret \nrate good\n");
	settings_map(&m, "auth-program", "auth 1", NULL);
	try("joe", "x", LOGIN_WRONG, "wrong");
	noted("rate login\njoe x \n");
	settings_map(&m, "auth-program", "auth 111", NULL);
	try("joe", "x", LOGIN_LATER, "cannot be told");
	noted("rate login\njoe x \nrate good\n");
	settings_map(&m, "auth-program", "./not-there", NULL);
	try("joe", "x", LOGIN_LATER, "no such program");
	noted("rate login\nrate good\n");
	settings_map(&m, "auth-program", "auth 0", NULL);
	(void)!system("echo 100 >code");
	try("joe", "x", LOGIN_LIMIT, "too many failures");
	noted("rate login\n");
	(void)!system("echo 9 >code");
	try("joe", "x", LOGIN_OK, "limits out of order");
	noted("rate login\njoe x \nrate good\n");
	unsetenv("TCPREMOTEIP");
	try("joe", "x", LOGIN_OK, "client not known");
	noted("joe x \n");
	memset(pass, 'p', sizeof pass - 1);
	pass[sizeof pass - 1] = '\0';
	try("joe", pass, LOGIN_WRONG, "longer than a checkpassword takes");
	noted("");
	pass[400] = '\0';
	try("", pass, LOGIN_OK, "not that long");
}

static void
quota(void)
{
	const char *got;

	unlink("noted");
	script("check-rate", "echo $1 $AUTH_USER $RECIPIENTS >>noted\n"
	    "cat said; exit $(cat code)");
	(void)!system("echo 111 >code; echo 4.7.1 too much >said");
	settings_map(&m, "login-messages-hour", "0", NULL);
	ok(login_quota(&m, "joe", 3) == NULL, "no limits");
	noted("");
	settings_map(&m, "login-recipients-day", "10", NULL);
	got = login_quota(&m, "joe", 3);
	is_str(got != NULL ? got : "-", "451 4.7.1 too much", "over it");
	noted("message joe 3\n");
	ok(getenv("AUTH_USER") == NULL && getenv("RECIPIENTS") == NULL,
	    "the environment is as before");
	(void)!system("echo 100 >code");
	got = login_quota(&m, "joe", 3);
	is_str(got != NULL ? got : "-", "550 5.7.1 too much", "for good");
	(void)!system("echo 111 >code; >said");
	ok(login_quota(&m, "joe", 3) == NULL, "limits out of order");
	(void)!system("echo 0 >code");
	ok(login_quota(&m, "joe", 3) == NULL, "below");
}

int
main(void)
{
	scratch_make();
	logins();
	quota();
	scratch_remove();
	return done();
}
