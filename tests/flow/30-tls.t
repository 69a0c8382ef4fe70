#!/bin/sh
# STARTTLS of the receiver with tls-serve, or with a superserver that offers
# UCSPI-TLS, as real clients use it; and what is behind it.
. "$(dirname "$0")/../lib.sh"
command -v tcpserver >/dev/null || skip_all 'needs tcpserver'
command -v openssl >/dev/null || skip_all 'needs openssl'
. "$top/tests/smtp-recv.sh"
PC_PATH=$t/over:$bin
tls=$t/etc/postchaise/tls
cert=$top/tests/tools/make-cert
# serve PORT COMMAND...
serve() {
	_p=$1; shift
	tcpserver -c 100 -HRl0 127.0.0.1 "$_p" env "$@" 2>>"$t/log" &
	started $!
	wait_for 10 tcpclient -RHl0 127.0.0.1 "$_p" true
}
port=$(free_port)
serve "$port" smtp-recv
ehlo() { printf 'EHLO c.test\r\nQUIT\r\n' | timeout 20 smtp-recv 2>/dev/null; }
unlike 'no certificate: not offered' "$(ehlo)" STARTTLS
"$cert" "$tls" localhost
like 'a certificate: offered' "$(ehlo)" '^250.STARTTLS'

s_client() {
	timeout 20 openssl s_client -quiet -verify_return_error \
	    -CAfile "$tls/cert.pem" -verify_hostname localhost -crlf "$@" 2>&1
}
# Lines are sent one after another, as replies would be waited for.
say() { for _l; do echo "$_l"; sleep 0.1; done; }
mail() { say 'EHLO c.test' 'MAIL FROM:<a@b.test>' 'RCPT TO:<alice@example.test>' DATA 'Subject: tls' '' hello . QUIT; }
out=$(mail | s_client -starttls smtp -connect "127.0.0.1:$port")
like 'a message by STARTTLS' "$out" '^250 2.0.0 queued as 0123456789abcdef'
unlike 'not offered twice' "$out" STARTTLS
like 'the envelope says so' "$(cat "$t/env")" '^Aproto=ESMTPS$'
like '  and what it is' "$(cat "$t/env")" '^Atls=TLSv1.3 TLS_[A-Z0-9_]+$'
like '  and who it is' "$(cat "$t/env")" '^Apeer=127.0.0.1$'
out=$(say 'EHLO c.test' STARTTLS QUIT | s_client -starttls smtp -connect "127.0.0.1:$port")
like 'no second STARTTLS' "$out" '^503 '

serve $((port + 2)) tls-serve smtp-recv
out=$(mail | s_client -connect "127.0.0.1:$((port + 2))")
like 'a message under TLS from the start' "$out" '^250 2.0.0 queued as'
unlike 'no STARTTLS there' "$out" STARTTLS
like '  the envelope says so' "$(cat "$t/env")" '^Aproto=ESMTPS$'
like '  and who it is' "$(cat "$t/env")" '^Apeer=127.0.0.1$'

# --- what a Python client sees in detail -------------------------------------
cat >"$t/talk.py" <<'END'
import re, smtplib, socket, ssl, sys, time
case, port, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ctx = ssl.create_default_context(cafile=ca)
def plain():
    s = socket.create_connection(('localhost', port), 20)
    return s, s.makefile('rb')
def reply(f):
    while True:
        l = f.readline().decode()
        if l[3:4] != '-': return l.strip()
def say(s, f, line):
    s.sendall(line.encode() + b'\r\n'); return reply(f)
def begin(behind=b''):
    s, f = plain()
    reply(f); say(s, f, 'EHLO c.test')
    s.sendall(b'STARTTLS\r\n' + behind)
    print('ready', reply(f)[:3])
    s = ctx.wrap_socket(s, server_hostname='localhost')
    return s, s.makefile('rb')
if case == 'injected':
    # RFC 3207: what was sent in plain text behind STARTTLS does not count.
    try:
        s, f = begin(b'MAIL FROM:<evil@b.test>\r\n')
    except (ssl.SSLError, OSError):
        print('refused'); sys.exit()
    print('mail', say(s, f, 'MAIL FROM:<a@b.test>')[:3])
    print('ehlo', say(s, f, 'EHLO c.test')[:3])
    print('mail', say(s, f, 'MAIL FROM:<a@b.test>')[:3])
elif case == 'reset':
    s, f = plain()
    reply(f); say(s, f, 'EHLO c.test'); say(s, f, 'MAIL FROM:<a@b.test>')
    say(s, f, 'RCPT TO:<alice@example.test>')
    print('ready', say(s, f, 'STARTTLS')[:3])
    s = ctx.wrap_socket(s, server_hostname='localhost'); f = s.makefile('rb')
    print('rcpt', say(s, f, 'RCPT TO:<alice@example.test>')[:3])
    print('data', say(s, f, 'DATA')[:3])
elif case == 'idle':
    s, f = begin()
    print('idle', reply(f))
elif case == 'junk':
    s, f = plain()
    reply(f); say(s, f, 'EHLO c.test'); say(s, f, 'STARTTLS')
    s.sendall(b'this is no TLS\r\n' * 3)
    try:
        got = b''
        while True:
            b = s.recv(1000)
            if not b: break
            got += b
    except OSError:
        pass
    print('text', re.sub(rb'[^ -~]', b'', got)[:4].isdigit(), 'ended')
elif case == 'large':
    s = smtplib.SMTP('localhost', port, timeout=30)
    s.starttls(context=ctx)
    body = ''.join('%07d %s\r\n' % (i, 'x' * 60) for i in range(60000))
    s.sendmail('a@b.test', ['alice@example.test'], 'Subject: x\r\n\r\n' + body)
    s.quit()
    print('sent', len(body))
elif case == 'many':
    all = [begin() for i in range(50)]
    print('ehlo', sum(say(s, f, 'EHLO c.test').startswith('250') for s, f in all))
END
talk() { timeout 60 python3 "$t/talk.py" "$1" "$port" "$tls/cert.pem" 2>&1; }
out=$(talk injected)
unlike 'plain text behind STARTTLS is no command' "$out" '^mail 250$.*^mail 250$'
like '  the session is begun anew, or ended' "$(echo "$out" | tail -n 1)" \
    '^(mail 250|refused)$'
is 'a transaction is forgotten' "$(talk reset)" 'ready 220
rcpt 503
data 503'
like 'junk in the place of a handshake' "$(talk junk)" '^text False ended'
like '  is logged with the address' "$(cat "$t/log")" \
    'tls-serve\[[0-9]+\]: info: tls-refuse client=unknown\[127.0.0.1\] err='
like 'a large message' "$(talk large)" '^sent 4200000'
is '  is whole' "$(grep -c '^[0-9]\{7\} x\{60\}' "$t/msg")" 60000
is 'fifty at once' "$(talk many | grep -v ready)" 'ehlo 50'
port=$((port + 1))
serve "$port" PC_TIMEOUT=1 smtp-recv
like 'the time limit holds under TLS' "$(talk idle)" '^idle 421 4.4.2'

# --- a superserver with UCSPI-TLS -----------------------------------------------
cat >"$t/super.py" <<'END'
"""super.py PORT CERT KEY LOG PROGRAM...: offers UCSPI-TLS to the program."""
import os, select, socket, ssl, subprocess, sys
port, cert, key, log = int(sys.argv[1]), *sys.argv[2:5]
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(('127.0.0.1', port)); l.listen(5)
ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); ctx.load_cert_chain(cert, key)
while True:
    c, a = l.accept()
    if os.fork():
        c.close(); continue
    ctl, theirs = socket.socketpair()
    pr, pw = os.pipe(); qr, qw = os.pipe()   # to, from the program
    env = dict(os.environ, PROTO='TCP', TCPREMOTEIP=a[0], UCSPITLS='',
               SSLCTLFD=str(theirs.fileno()), SSLREADFD=str(pr), SSLWRITEFD=str(qw))
    p = subprocess.Popen(sys.argv[5:], stdin=c, stdout=c, env=env,
                         pass_fds=(theirs.fileno(), pr, qw))
    theirs.close(); os.close(pr); os.close(qw)
    asked = ctl.recv(1)
    if not asked:
        os._exit(0)
    s = ctx.wrap_socket(c, server_side=True)
    open(log, 'a').write('asked %s\n' % asked.decode())
    ctl.sendall(b'SSL_PROTOCOL=%s\0SSL_CIPHER=%s\0SSL_SERVER_S_DN_CN=x\0PATH=/evil\0\0'
                % (s.version().encode(), s.cipher()[0].encode()))
    ctl.close()
    while True:
        r = [s] if s.pending() else select.select([s, qr], [], [])[0]
        if s in r:
            b = s.recv(16384)
            if not b: break
            os.write(pw, b)
        if qr in r:
            b = os.read(qr, 16384)
            if not b: break
            s.sendall(b)
    try: s.unwrap()
    except OSError: pass
    os._exit(0)
END
port=$(free_port)
mv "$tls" "$t/elsewhere"
python3 "$t/super.py" "$port" "$t/elsewhere/cert.pem" "$t/elsewhere/key.pem" \
    "$t/superlog" smtp-recv 2>>"$t/log" &
started $!
wait_for 10 tcpclient -RHl0 127.0.0.1 "$port" true
out=$(tls=$t/elsewhere; mail | s_client -starttls smtp -connect "127.0.0.1:$port")
like "UCSPI-TLS: the superserver's TLS is used" "$out" '^250 2.0.0 queued as'
is '  by its control descriptor' "$(cat "$t/superlog")" 'asked Y'
like '  the envelope says what it is' "$(cat "$t/env")" '^Atls=TLSv1.3 TLS_'
mv "$t/elsewhere" "$tls"

# --- other clients ---------------------------------------------------------------
if command -v swaks >/dev/null; then
	port=$(free_port)
	serve "$port" smtp-recv
	serve $((port + 2)) tls-serve smtp-recv
	out=$(timeout 30 swaks --server 127.0.0.1 --port "$port" -tls -f a@b.test \
	    -t alice@example.test --helo c.test 2>&1)
	is 'swaks -tls' $? 0
	like '  under TLS' "$out" '^=== TLS started with cipher TLSv1'
	timeout 30 swaks --server 127.0.0.1 --port $((port + 2)) -tlsc \
	    -f a@b.test -t alice@example.test --helo c.test >/dev/null 2>&1
	is 'swaks -tlsc' $? 0
fi
done_testing
