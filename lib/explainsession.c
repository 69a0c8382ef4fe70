#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "explain.h"
#include "fdio.h"
#include "paths.h"
#include "policy.h"
#include "recvconf.h"
#include "settings.h"
#include "tcprules.h"

/* A session under way. */
struct way {
	const struct explain *e;
	const struct explain_session *s;
	struct policy policy;
	struct smtps smtps;  /* of which policy reads helo and login */
	struct peer peer;
	struct map rules;
	struct tcprule rule;
	int ruled;           /* rule is the client's */
};

static void say(const struct way *w, int depth, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A line, harmless for a terminal. */
static void
say(const struct way *w, int depth, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	char *p;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	for (p = line; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	w->e->line(w->e->arg, depth, line);
}

/* Does the client's rule set the variable of this rule or setting? */
static int
set_by_rule(const struct way *w, const char *rule)
{
	char name[64] = "PC_";
	size_t at = 0, i, n = strlen(rule);
	const char *v;

	if (!w->ruled || n + 4 > sizeof name)
		return 0;
	for (i = 0; i < n; i++)
		name[i + 3] = rule[i] == '-' ? '_'
		    : rule[i] >= 'a' && rule[i] <= 'z' ? (char)(rule[i] - 32)
		    : rule[i];
	while ((v = tcprules_next(&w->rule, &at)) != NULL)
		if ((strncmp(v, rule, n) == 0 && v[n] == '=') ||
		    (strncmp(v, name, n + 3) == 0 && v[n + 3] == '='))
			return 1;
	return 0;
}

/* What lib/policy looked at. */
static void
trace(void *arg, const char *rule, const char *answer, const char *origin)
{
	const struct way *w = arg;

	if (origin == NULL)
		say(w, 1, "%s: %s", rule, answer);
	else if (strcmp(origin, "environment") == 0 && set_by_rule(w, rule))
		say(w, 1, "%s: %s (%s, rule %s:)", rule, answer, w->s->rules,
		    w->rule.key.p);
	else
		say(w, 1, "%s: %s (%s)", rule, answer, origin);
}

/* The reply that ends a step, and whether the session goes on. */
static int
answer(const struct way *w, const char *no, const char *yes)
{
	say(w, 1, "=> %s", no != NULL ? no : yes);
	return no == NULL ? EXPLAIN_OK
	    : no[0] == '4' ? EXPLAIN_FAILED : EXPLAIN_REFUSED;
}

/* The environment that tcpserver would begin with. */
static void
set_client(const struct explain_session *s)
{
	static const char *const others[] = {"TCPREMOTEINFO", "TCPREMOTEHOST",
	    "RELAYCLIENT", "RBLSMTPD", "DATABYTES", "DENIED"};
	size_t i;

	for (i = 0; i < sizeof others / sizeof others[0]; i++)
		unsetenv(others[i]);
	setenv("PROTO", strchr(s->ip, ':') != NULL ? "TCP6" : "TCP", 1);
	setenv("TCPREMOTEIP", s->ip, 1);
	if (s->name != NULL)
		setenv("TCPREMOTEHOST", s->name, 1);
}

/* The variables of the rule into the environment, as tcpserver does it. */
static void
follow_rule(struct way *w)
{
	const char *v, *eq;
	struct buf name = {0};
	size_t at = 0;

	while ((v = tcprules_next(&w->rule, &at)) != NULL) {
		eq = strchr(v, '=');
		name.len = 0;
		buf_add(&name, v, (size_t)(eq - v));
		setenv(buf_cstr(&name), eq + 1, 1);
		say(w, 2, "%s=\"%s\"", name.p, eq + 1);
	}
	buf_free(&name);
}

/* The rule for this client. */
static int
ask_rules(struct way *w)
{
	const struct explain_session *s = w->s;
	int hit;

	if (s->rules == NULL)
		return EXPLAIN_OK;
	hit = map_open(&w->rules, s->rules) == -1 ? -1
	    : tcprules_find(&w->rule, &w->rules, s->ip, s->name, NULL);
	if (hit == -1) {
		say(w, 1, "%s cannot be read: tcpserver drops the connection",
		    s->rules);
		return EXPLAIN_FAILED;
	}
	w->ruled = hit;
	if (hit == 0) {
		say(w, 1, "%s: no rule for this client", s->rules);
		return EXPLAIN_OK;
	}
	say(w, 1, "%s: rule %s:%s", s->rules, w->rule.key.p,
	    w->rule.deny ? "deny" : "allow");
	if (w->rule.deny) {
		say(w, 1, "=> tcpserver closes the connection");
		return EXPLAIN_REFUSED;
	}
	follow_rule(w);
	return EXPLAIN_OK;
}

/* DENIED in what env(1) prints, into the environment. */
static void
take_denied(struct way *w, struct buf *out)
{
	char *p = buf_cstr(out), *line;

	while ((line = strsep(&p, "\n")) != NULL)
		if (strncmp(line, "DENIED=", 7) == 0) {
			setenv("DENIED", line + 7, 1);
			return;
		}
	say(w, 1, "conn-gate: pass");
}

/* What conn-gate would put into DENIED: it is run, with env(1) behind it. */
static int
ask_gate(struct way *w)
{
	char *path = path_program("conn-gate"), env[] = "/usr/bin/env";
	char *argv[] = {path, env, NULL};
	struct buf out = {0};
	int fd[2], code = 111;
	pid_t pid;

	if (pipe_cloexec(fd) == 0) {
		struct child_fd map = {fd[1], 1};

		pid = child_start(path, argv, NULL, &map, 1, NULL);
		close(fd[1]);
		if (pid != -1) {
			if (read_to_end(fd[0], &out, 65536) == -1)
				out.len = 0;
			code = child_wait(pid);
		}
		close(fd[0]);
	}
	if (code == 0)
		take_denied(w, &out);
	else
		say(w, 1, "=> conn-gate failed: the connection is closed");
	buf_free(&out);
	free(path);
	return code == 0 ? EXPLAIN_OK : EXPLAIN_FAILED;
}

/* Commands that smtp-recv would ask, which are not run here. */
static void
say_checks(const struct way *w, const char *name)
{
	const char *v = setting(w->e->tables, name);

	if (v[0] != '\0' && !w->policy.may_relay && w->s->login == NULL)
		say(w, 1, "%s: would be asked (%s): %s", name,
		    setting_origin(w->e->tables, name), v);
}

static int
connect_step(struct way *w)
{
	struct policy *p = &w->policy;
	int r;

	say(w, 0, "client %s%s%s", w->s->ip, w->s->name != NULL ? " " : "",
	    w->s->name != NULL ? w->s->name : "");
	if ((r = ask_rules(w)) != EXPLAIN_OK ||
	    (w->s->gate && (r = ask_gate(w)) != EXPLAIN_OK))
		return r;
	peer_find(&w->peer);
	p->tables = w->e->tables;
	p->trace = trace;
	p->arg = w;
	recvconf_client(p, &w->smtps, &w->peer,
	    recvconf_service(w->e->tables));
	return answer(w, policy_client(p), "220");
}

static int
mail_step(struct way *w)
{
	const char *from = w->s->from, *no = NULL;
	struct policy *p = &w->policy;

	say(w, 0, "MAIL FROM:<%s>", from);
	if (policy_needs_login(p))
		no = policy_note(p, "service", "530 5.7.0 log in first",
		    policy_origin(p, "service"));
	if (no == NULL)
		no = policy_sender(p, from, strlen(from));
	if (no == NULL)
		say_checks(w, "check-mail");
	return answer(w, no, "250 2.1.0 ok");
}

static int
rcpt_step(struct way *w)
{
	struct buf addr = {0};
	const char *no;
	int r;

	say(w, 0, "RCPT TO:<%s>", w->s->to);
	buf_str(&addr, w->s->to);
	no = policy_rcpt(&w->policy, &addr);
	if (strcmp(buf_cstr(&addr), w->s->to) != 0)
		say(w, 1, "becomes <%s>", addr.p);
	if (no == NULL) {
		say_checks(w, "check-rcpt");
		say_checks(w, "check-data");
	}
	r = answer(w, no, "250 2.1.5 ok");
	buf_free(&addr);
	return r;
}

/* The steps in order, until one refuses or nothing more is known. */
static int
steps(struct way *w)
{
	const struct explain_session *s = w->s;
	int r = connect_step(w);

	if (r == EXPLAIN_OK && s->helo != NULL) {
		say(w, 0, "HELO %s", s->helo);
		r = answer(w, policy_helo(&w->policy), "250");
	}
	if (r == EXPLAIN_OK && s->login != NULL) {
		strncat(w->smtps.login, s->login,
		    sizeof w->smtps.login - 1);
		say(w, 0, "logged in as %s", w->smtps.login);
	}
	if (r == EXPLAIN_OK && s->from != NULL)
		r = mail_step(w);
	if (r == EXPLAIN_OK && s->to != NULL)
		r = rcpt_step(w);
	return r;
}

int
explain_session(const struct explain *e, const struct explain_session *s)
{
	struct way *w = xalloc(sizeof *w);
	int r;

	memset(w, 0, sizeof *w);
	w->e = e;
	w->s = s;
	if (s->helo != NULL)
		strncat(w->smtps.helo, s->helo, sizeof w->smtps.helo - 1);
	set_client(s);
	r = steps(w);
	policy_free(&w->policy);
	buf_free(&w->rule.key);
	map_close(&w->rules);
	free(w);
	return r;
}
