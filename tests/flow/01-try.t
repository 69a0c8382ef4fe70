#!/bin/sh
# bin/try, as its users see it: the messages arrive, the ports answer, users
# log in, nobody else relays, a hundred clients are served, and nothing is left
# running.
. "$(dirname "$0")/../lib.sh"
unset PC_PREFIX PC_PATH
command -v tcpserver >/dev/null && command -v svscan >/dev/null ||
    skip_all 'needs ucspi-tcp and daemontools'

# Processes that are of the system below DIR, by arguments or environment.
left() {
	for p in /proc/[0-9]*; do
		[ "${p#/proc/}" != $$ ] || continue
		cat "$p/cmdline" "$p/environ" 2>/dev/null | tr '\0' '\n' |
		    grep -qF "$1" && echo "${p#/proc/} $(tr '\0' ' ' <"$p/cmdline")"
	done
}

dir=$t/a
port=$(free_port)
"$top/bin/try" --once --dir "$dir" --port "$port" >"$t/out" 2>&1
is 'try --once succeeds' $? 0
out=$(cat "$t/out")
like 'says where the one by SMTP is' "$out" \
    "by SMTP to alice@example.test: $dir/var/spool/virtual/example.test/alice/new/"
like 'and the one by sendmail' "$out" \
    "by sendmail to bob@example.test: $dir/var/spool/virtual/example.test/bob\$"
like 'and the one of a login' "$out" \
    "by alice, logged in under TLS, to carol@example.test: $dir/var/spool/virtual/example.test/carol/new/"
like 'shows the log lines of their way' "$out" 'queue-run.*status=sent'
unlike 'is not up and staying' "$out" '^ready:'
is 'nothing is left running' "$(left "$dir")" ''

# An existing directory, its configuration changed; it stays.
echo 'size=20000' >>"$dir/etc/postchaise/postchaise.conf"
port=$(free_port)
"$top/bin/try" --dir "$dir" --port "$port" >"$t/out2" 2>&1 &
try=$!
started $try
ok 'it stays' wait_for 60 grep -qx "ready: smtp 127.0.0.1:$port" "$t/out2"
is 'with the changed configuration' \
    "$(grep -c '^size=20000' "$dir/etc/postchaise/postchaise.conf")" 1
cat >"$t/talk.py" <<'END'
import socket, sys
def session():
    s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 20)
    return s, s.makefile('rwb', 0)
def reply(f):
    while True:
        l = f.readline().decode()
        if l[3:4] != '-': return l.strip()
def say(f, line):
    f.write(line.encode() + b'\r\n'); return reply(f)
all = [session() for i in range(100)]
print('greetings', sum(reply(f).startswith('220') for s, f in all))
f = all[0][1]
print('ehlo', say(f, 'EHLO me'))
print('mail', say(f, 'MAIL FROM:<a@example.com>'))
print('relay', say(f, 'RCPT TO:<b@example.com>'))
print('unknown', say(f, 'RCPT TO:<nobody@example.test>'))
print('local', say(f, 'RCPT TO:<alice@example.test>'))
print('size', say(f, 'RSET'), say(f, 'MAIL FROM:<a@example.com> SIZE=30000'))
END
out=$(python3 "$t/talk.py" "$port")
like 'a hundred clients at once' "$out" '^greetings 100$'
like 'relays for nobody' "$out" '^relay 550 5.7.1'
like 'knows its users' "$out" '^unknown 550 5.1.1'
like 'takes mail for them' "$out" '^local 250'
like 'the edited setting counts' "$out" '^size 250 .* 552'
out=$(cat "$t/out2")
for n in 0 1 2; do
	like "names port N+$n" "$out" "port $((port + n))[[:space:]]"
done
for who in alice bob carol; do
	like "names the login $who" "$out" "logins.*$who@example.test"
	like '  and its password' "$out" "passwords.*$who-secret"
done
cat >"$t/login.py" <<'END'
import smtplib, ssl, sys
port, dir = int(sys.argv[1]), sys.argv[2]
c = ssl.create_default_context(cafile=dir + '/etc/postchaise/tls/cert.pem')
def login(offset, user, password):
    if offset == 2:
        s = smtplib.SMTP_SSL('localhost', port + 2, timeout=20, context=c)
    else:
        s = smtplib.SMTP('localhost', port + offset, timeout=20)
        s.starttls(context=c)
    try:
        code = s.login(user + '@example.test', password)[0]
        s.sendmail(user + '@example.test', ['bob@example.test'],
                   'Subject: hi\r\n\r\nby %s at %d\r\n' % (user, offset))
        s.quit()
        return code
    except smtplib.SMTPAuthenticationError as e:
        s.close()
        return e.smtp_code
for n in 0, 1, 2:
    for who in 'alice', 'bob', 'carol':
        print(n, who, login(n, who, who + '-secret'))
    print(n, 'wrong', login(n, 'alice', 'wrong'))
s = smtplib.SMTP('localhost', port + 1, timeout=20)
s.ehlo()
print('auth in clear', s.has_extn('auth'))
print('mail without a login', s.docmd('MAIL FROM:<alice@example.test>')[0])
END
out=$(python3 "$t/login.py" "$port" "$dir" 2>&1)
for n in 0 1 2; do
	like "N+$n: an MD5 hash" "$out" "^$n alice 235"
	like "N+$n: bcrypt" "$out" "^$n bob 235"
	like "N+$n: yescrypt" "$out" "^$n carol 235"
	like "N+$n: a wrong password" "$out" "^$n wrong 535"
done
like 'no login without TLS' "$out" '^auth in clear False'
like 'no submission without a login' "$out" '^mail without a login 530'
out=$("$top/bin/try" --once --dir "$dir" --port "$port" 2>&1)
is 'a second one in the same directory is refused' $? 1
like 'and told why' "$out" 'running already'
out=$("$top/bin/try" --once --dir "$t/b" --port "$port" 2>&1)
is 'one on a taken port is refused' $? 1
like 'and told why' "$out" "port $port .*taken"
if [ "$(id -u)" = 0 ]; then
	is 'nothing of it is root' "$(for p in $(left "$dir" | cut -d' ' -f1); do
		stat -c %U "/proc/$p" 2>/dev/null; done | sort -u)" nobody
fi
kill -TERM $try
wait $try
is 'ends when told to' "$(left "$dir")" ''
exits 'wrong use is told' 100 "$top/bin/try" --port x 2>/dev/null
out=$("$top/bin/try" --once --dir "$t/with space" --port "$port" 2>&1)
is 'a path that cannot be is refused' $? 1
like 'clearly' "$out" 'characters'
done_testing
