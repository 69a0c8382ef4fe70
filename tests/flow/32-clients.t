#!/bin/sh
# Submission with the clients that people use: each verifies the certificate,
# logs in, and what it sends is in the mailbox as it should be; what may not
# be sent is refused in a way that the client understands.
. "$(dirname "$0")/../lib.sh"
unset PC_PREFIX PC_PATH
command -v tcpserver >/dev/null && command -v svscan >/dev/null ||
    skip_all 'needs ucspi-tcp and daemontools'
. "$top/tests/system.sh"

d=$t/system conf=$t/system/etc/postchaise/postchaise.conf
make_system "$d" >"$t/made" 2>&1 || { cat "$t/made"; exit 1; }
cat <<'END' | $sys_as tee -a "$d/etc/virtual/example.test/aliases" >"$t/made"
sales: alice
END
# settle LINE…: settings; they count for the next session.
cp "$conf" "$t/conf"
settle() {
	{ cat "$t/conf"; printf '%s\n' "$@"; } | sys_put "$conf"
	in_system "$d" alias-compile 2>"$t/made" || fail "settings $*"
}
port=$(free_port)
# What goes elsewhere comes back to our port for all, which relays nothing.
echo "relay-host=[127.0.0.1]:$port" >>"$t/conf"
settle
trap 'stop_system "$d"; cleanup' EXIT
start_system "$d" "$port" || { fail 'starts'; done_testing; }
with_starttls=$((port + 1)) with_tls=$((port + 2))
ca=$d/etc/postchaise/tls/cert.pem
new=$d/var/spool/virtual/example.test/carol/new
# One that did not sign it.
"$top/tests/tools/make-cert" "$t/other"
HOME=$t/home
mkdir "$HOME"
export HOME
unset MAILRC EMAIL

# A message without Date, From and Message-ID, and with a Bcc.
printf '%s\n' 'The post-chaise changed horses – every stage.' . '..two dots' \
    '	tab and blanks   ' '' 'From the end' >"$t/body"
# Some clients quote From themselves.
sed '/^From/d' "$t/body" >"$t/plain"
# message SUBJECT
message() {
	printf '%s\n' "Subject: $1" 'To: carol@example.test' \
	    'Bcc: bob@example.test,' ' secret@example.net' 'MIME-Version: 1.0' \
	    'Content-Type: text/plain; charset=utf-8' \
	    'Content-Transfer-Encoding: 8bit' ''
	cat "$t/body"
}
whole() { sed -n '1,/^$/p' "$file"; }
text() { sed '1,/^$/d' "$file"; }
# The value of a field, unfolded.
field() {
	whole | awk -v want="$1:" '
	/^[ \t]/ { if (on) printf "%s", $0; next }
	{ if (on) print ""; on = tolower($1) == tolower(want) }
	on { printf "%s", substr($0, length(want) + 2) }
	END { if (on) print "" }'
}
find_mail() {
	file=$(grep -lsx "Subject: $1" "$new"/*)
	[ -n "$file" ]
}
# arrives SUBJECT: in carol's Maildir, from alice with a login, and complete.
arrives() {
	file=/dev/null
	# $_r is what the client said.
	if [ "$_r" = 0 ] && wait_for 20 find_mail "$1"; then pass "$1 arrives"; else
		fail "$1 arrives"
		tail -qn 5 "$d"/var/log/*/current | sed 's/^/# /'
		return
	fi
	like '  by a login under TLS' "$(field Received)" 'with (UTF8SMTP|ESMTP)SA'
	like '  from its sender' "$(field Return-Path)" '^<alice@example.test>$'
	like '  From is its author' "$(field From)" 'alice@example.test'
	is '  it has one Date' "$(field Date | grep -cE '^[A-Z][a-z]{2}, .* [-+][0-9]{4}$')" 1
	is '  and one Message-ID' "$(field Message-ID | grep -cE '^<[^<> @]+@[^<> @]+>$')" 1
	unlike '  no Bcc' "$(whole)" '^(Bcc|	? secret)'
}
intact() { is '  and is intact' "$(text)" "$(cat "${1:-$t/body}")"; }
# try WHAT CODE COMMAND…: its exit code; all that it says in $said.
try() {
	_w=$1 _c=$2; shift 2
	_r=0
	said=$("$@" 2>&1 </dev/null) || _r=$?
	case $_c in
	not0) ok "$_w" test $_r != 0 -a $_r != 124 ;;
	*) is "$_w" "$_r" "$_c" ;;
	esac
	[ "$_r" = 0 ] || [ "$_c" != 0 ] || printf '%s\n' "$said" | sed 's/^/# /'
}
# have CLIENT: else its part is skipped.
have() {
	command -v "$1" >/dev/null && return
	pass "$1 # SKIP not installed"
	return 1
}
# The last lines of the log with client's address that match.
logged() { cat "$d"/var/log/*/current | grep -E "$1"; }

# --- curl ----------------------------------------------------------------
if have curl; then
	# send URL LOGIN PASSWORD SUBJECT [OPTION…]
	send() {
		_u=$1 _l=$2 _p=$3; message "$4" >"$t/curl.txt"; shift 4
		set -- --mail-from alice@example.test \
		    --mail-rcpt carol@example.test "$@"
		[ -z "$_l" ] || set -- --user "$_l:$_p" "$@"
		timeout 60 curl -sS -m 50 --cacert "$ca" --crlf --url "$_u" \
		    --upload-file "$t/curl.txt" "$@"
	}
	a=alice@example.test s=alice-secret
	one=smtp://localhost:$with_starttls/client.example.net
	two=smtps://localhost:$with_tls/client.example.net
	try 'curl, STARTTLS' 0 send "$one" $a $s curl-1 --ssl-reqd
	arrives curl-1
	intact
	is '  From is the login' "$(field From)" alice@example.test
	try 'curl, TLS' 0 send "$two" $a $s curl-2
	arrives curl-2
	intact
	try '  by AUTH LOGIN' 0 send "$two" $a $s curl-3 --login-options AUTH=LOGIN
	arrives curl-3
	try '  no initial response' 0 send "$two" $a $s curl-4 --login-options AUTH=PLAIN
	try '  with one' 0 send "$two" $a $s curl-5 --login-options AUTH=PLAIN --sasl-ir
	try '  another certificate: not trusted' 60 send "$one" $a $s x --ssl-reqd --cacert "$t/other/cert.pem"
	try '  nor under TLS' 60 send "$two" $a $s x --cacert "$t/other/cert.pem"
	try '  a wrong password' 67 send "$one" $a wrong x --ssl-reqd
	try '  in the clear no password is sent' not0 send "$one" $a $s x
	try '  no login' 55 send "$two" '' '' x
	like '  is told so' "$said" '530'
	try '  another sender' 55 send "$two" bob@example.test bob-secret x
	like '  is told so' "$said" '553'
	logged ' mail-refuse ' >"$t/refused"
	like '  the log has who it was' "$(tail -n 1 "$t/refused")" 'client=[^ ]*\[127.0.0.1\].*reply=553'
	try '  an alias of the login is its sender too' 0 send "$two" $a $s curl-6 --mail-from sales@example.test
	try '  a recipient elsewhere' 0 send "$two" $a $s curl-7 --mail-rcpt x@remote.invalid
	try '  one that does not exist' 55 send "$two" $a $s x --mail-rcpt nobody@example.test
	like '  is told so' "$said" '550'
fi

# --- msmtp ---------------------------------------------------------------
if have msmtp; then
	# send PORT STARTTLS PASSWORD SUBJECT [LINE OF ITS CONFIGURATION…]
	send() {
		{
			cat <<-END
			account default
			host localhost
			timeout 40
			tls on
			auth plain
			tls_trust_file $ca
			user alice@example.test
			from alice@example.test
			remove_bcc_headers off
			set_date_header off
			set_from_header off
			set_msgid_header off
			port $1
			tls_starttls $2
			password $3
			END
			_s=$4; shift 4
			printf '%s\n' "$@"
		} >"$t/msmtprc"
		chmod 600 "$t/msmtprc"
		message "$_s" | timeout 60 msmtp -C "$t/msmtprc" carol@example.test
	}
	try 'msmtp, STARTTLS' 0 send $with_starttls on alice-secret msmtp-1
	arrives msmtp-1
	intact
	try 'msmtp, TLS' 0 send $with_tls off alice-secret msmtp-2 'auth login'
	arrives msmtp-2
	intact
	try '  fields of its own' 0 send $with_tls off alice-secret msmtp-3 \
	    'set_date_header auto' 'set_from_header on' 'set_msgid_header auto'
	arrives msmtp-3
	try '  NOTIFY and RET' 0 send $with_tls off alice-secret msmtp-4 \
	    'dsn_notify failure,delay' 'dsn_return headers'
	arrives msmtp-4
	try '  another certificate: not trusted' not0 send $with_starttls on alice-secret x "tls_trust_file $t/other/cert.pem"
	try '  a wrong password' 77 send $with_starttls on wrong x
	like '  is told so' "$said" '535 5.7.8'
	try '  no login' not0 send $with_tls off x x 'auth off'
	like '  is told so' "$said" '530 5.7.0'
	try '  another sender' not0 send $with_tls off alice-secret x 'from bob@example.test'
	like '  is told so' "$said" '553 5.7.1'
fi

# --- s-nail --------------------------------------------------------------
if have s-nail; then
	# send URL AUTH PASSWORD SUBJECT [OPTION…]
	send() {
		_u=$1 _a=$2 _p=$3 _s=$4; shift 4
		timeout 60 s-nail -:/ -S v15-compat -S ttycharset=utf-8 \
		    -S DEAD="$t/dead" -S sendwait -S sendcharsets=utf-8 -S mime-encoding=8bit \
		    -S hostname=client.example.net \
		    -S smtp-auth="$_a" -S tls-verify=strict \
		    -S tls-ca-no-defaults -S tls-ca-file="$ca" -S tls-crl-check= \
		    -S from=alice@example.test "$@" \
		    -S "mta=$(echo "$_u" | sed "s|//|//alice%40example.test:$_p@|")" \
		    -b bob@example.test -s "$_s" carol@example.test <"$t/plain"
	}
	one=smtp://localhost:$with_starttls two=smtps://localhost:$with_tls
	try 's-nail, STARTTLS' 0 send $one plain alice-secret nail-1 -S smtp-use-starttls
	arrives nail-1
	intact "$t/plain"
	is '  the hidden recipient has it' "$(grep -c '^Subject: nail-1$' "$d/var/spool/virtual/example.test/bob")" 1
	try 's-nail, TLS' 0 send $two login alice-secret nail-2
	arrives nail-2
	intact "$t/plain"
	try '  another certificate: not trusted' not0 send $two plain alice-secret x -S tls-ca-file="$t/other/cert.pem"
	try '  a wrong password' not0 send $one plain wrong x -S smtp-use-starttls
	like '  is told so' "$said" '535 5.7.8'
	try '  no login' not0 send $two none x x
	like '  is told so' "$said" '530 5.7.0'
	try '  another sender' not0 send $two plain alice-secret x -S from=bob@example.test
	like '  is told so' "$said" '553 5.7.1'
fi

# --- git send-email ------------------------------------------------------
if have git && [ -e "$(git --exec-path)/git-send-email" ]; then
	# send PORT tls|ssl PASSWORD [OPTION…]: the commit in $t/git.
	send() {
		_p=$1 _e=$2 _w=$3; shift 3
		timeout 60 git -C "$t/git" -c sendemail.assume8bitEncoding=utf-8 \
		    send-email --quiet --confirm=never --suppress-cc=all \
		    --smtp-server=localhost --smtp-server-port="$_p" \
		    --smtp-encryption="$_e" --smtp-ssl-cert-path="$ca" \
		    --smtp-domain=client.example.net \
		    --smtp-user=alice@example.test --smtp-pass="$_w" \
		    --to=carol@example.test --bcc=bob@example.test "$@" \
		    "$t/git/0001-git-patch.patch"
	}
	mkdir "$t/git"
	GIT_AUTHOR_NAME='Älice' GIT_AUTHOR_EMAIL=alice@example.test
	GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=alice@example.test
	GIT_CONFIG_NOSYSTEM=1
	export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME \
	    GIT_COMMITTER_EMAIL GIT_CONFIG_NOSYSTEM
	(cd "$t/git" && git init -q && cp "$t/body" text && git add text &&
	    git commit -qm 'git-patch') >/dev/null 2>&1
	git -C "$t/git" format-patch -q --root -o "$t/git" --subject-prefix=one
	try 'git send-email, STARTTLS' 0 send $with_starttls tls alice-secret
	arrives '\[one\] git-patch'
	like '  the patch applies' "$(cat "$file")" '^\+The post-chaise changed horses – every stage\.$'
	(mkdir "$t/git2" && cd "$t/git2" && git init -q && git am -q "$file") >/dev/null 2>&1
	ok '  to the byte' cmp -s "$t/git2/text" "$t/body"
	git -C "$t/git" format-patch -q --root -o "$t/git" --subject-prefix=two
	try 'git send-email, TLS' 0 send $with_tls ssl alice-secret --smtp-auth=LOGIN
	arrives '\[two\] git-patch'
	try '  another certificate: not trusted' not0 send $with_tls ssl alice-secret --smtp-ssl-cert-path="$t/other/cert.pem"
	try '  a wrong password' not0 send $with_starttls tls wrong
	try '  another sender' not0 send $with_tls ssl alice-secret --envelope-sender=bob@example.test
	like '  is told so' "$said" '553|5\.7\.1'
else
	pass 'git send-email # SKIP not installed'
fi

# --- Python --------------------------------------------------------------
cat >"$t/send.py" <<'END'
import email.message, email.policy, smtplib, ssl, sys
how, port, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def session(user='alice', password='alice-secret'):
    c = ssl.create_default_context(cafile=ca)
    if how == 'ssl':
        s = smtplib.SMTP_SSL('localhost', port, timeout=40, context=c,
            local_hostname='client.example.net')
    else:
        s = smtplib.SMTP('localhost', port, timeout=40,
            local_hostname='client.example.net')
        s.starttls(context=c)
    if user:
        s.login(user + '@example.test', password)
    return s
def mail(subject, to='carol@example.test', sender='alice@example.test'):
    m = email.message.EmailMessage(policy=email.policy.SMTPUTF8)
    m['Subject'] = subject
    m['From'] = sender
    m['To'] = to
    m['Bcc'] = 'bob@example.test'
    m.set_content(open(sys.argv[4]).read(), cte='8bit')
    return m
def refused(what, f):
    try:
        f()
        print(what, 'taken')
    except smtplib.SMTPResponseException as e:
        print(what, e.smtp_code, e.smtp_error.decode())
    except smtplib.SMTPRecipientsRefused as e:
        print(what, list(e.recipients.values())[0])
    except ssl.SSLCertVerificationError:
        print(what, 'not trusted')
with session() as s:
    for n in range(3):
        print('sent', s.send_message(mail('python-%s-%d' % (how, n))))
with session() as s:
    print('utf8', s.has_extn('smtputf8'))
    print('sent', s.send_message(mail('python-%s-utf8' % how,
        to='carol+grüße@example.test')))
with session() as s:
    # Nothing but a body.
    print('sent', s.sendmail('alice@example.test', 'carol@example.test',
        'Subject: python-%s-bare\r\n\r\nhi\r\n' % how))
def attack():
    with session() as s:
        s.send_message(mail('x', sender='bob@example.test'))
refused('sender', attack)
refused('password', lambda: session(password='wrong'))
refused('nobody', lambda: session(user='nobody'))
def open_relay():
    with session(user=None) as s:
        s.send_message(mail('x'))
refused('no login', open_relay)
ca = sys.argv[5]
refused('certificate', session)
END
for how in starttls ssl; do
	p=$with_starttls
	[ $how = starttls ] || p=$with_tls
	try "smtplib, $how" 0 timeout 120 python3 "$t/send.py" $how $p "$ca" "$t/plain" "$t/other/cert.pem"
	is '  all are taken' "$(printf '%s\n' "$said" | grep -c '^sent {}')" 5
	for n in 0 1 2; do arrives python-$how-$n; done
	intact "$t/plain"
	arrives python-$how-utf8
	intact "$t/plain"
	like '  SMTPUTF8 is in Received' "$(field Received)" 'with UTF8SMTPSA'
	is '  the recipient as it was' "$(field Delivered-To)" 'carol+grüße@example.test'
	arrives python-$how-bare
	is '  From is the login' "$(field From)" alice@example.test
	like '  another sender' "$said" '^sender 553 5.7.1'
	like '  a wrong password' "$said" '^password 535 5.7.8'
	like '  an unknown login' "$said" '^nobody 535 5.7.8'
	like '  no login' "$said" '^no login 530 5.7.0'
	like '  another certificate: not trusted' "$said" '^certificate not trusted'
done

# --- swaks ---------------------------------------------------------------
if have swaks; then
	# send PORT SUBJECT [OPTION…]
	send() {
		_p=$1 _s=$2; shift 2
		message "$_s" >"$t/swaks.txt"
		timeout 60 swaks --server localhost --port "$_p" --timeout 40 --helo client.example.net \
		    --from alice@example.test --to carol@example.test \
		    --tls-verify --tls-ca-path "$ca" --data "@$t/swaks.txt" "$@"
	}
	u='--auth-user alice@example.test' s='--auth-user alice@example.test --auth-password alice-secret'
	n=0
	for auth in PLAIN LOGIN; do
		for tls in --tls --tls-on-connect; do
			n=$((n + 1)) p=$with_tls
			[ $tls = --tls-on-connect ] || p=$with_starttls
			try "swaks, $auth, $tls" 0 send $p swaks-$n $s $tls --auth $auth
			arrives swaks-$n
			intact
		done
	done
	try '  another certificate: not trusted' 29 send $with_starttls x $s --tls --auth PLAIN --tls-ca-path "$t/other/cert.pem"
	try '  a wrong password' 28 send $with_starttls x --tls --auth LOGIN $u --auth-password wrong
	like '  is told so' "$said" '535 5.7.8'
	try '  no login' 23 send $with_tls x --tls-on-connect
	like '  is told so' "$said" '530 5.7.0'
	try '  another sender' 23 send $with_tls x $s --tls-on-connect --auth PLAIN --from bob@example.test
	like '  is told so' "$said" '553 5.7.1'
	try '  no login in the clear' 28 send $with_starttls x $s --auth PLAIN
fi
# --- settings ------------------------------------------------------------
# send SUBJECT: by alice, from smtplib.
cat >"$t/one.py" <<'END'
import smtplib, ssl, sys
c = ssl.create_default_context(cafile=sys.argv[2])
s = smtplib.SMTP_SSL('localhost', int(sys.argv[1]), timeout=40, context=c,
    local_hostname='client.example.net')
s.login(sys.argv[4] + '@example.test', sys.argv[4] + '-secret')
try:
    s.sendmail(sys.argv[4] + '@example.test', sys.argv[5:],
        'Subject: %s\r\n\r\nhi\r\n' % sys.argv[3])
    print('taken')
except smtplib.SMTPResponseException as e:
    print(e.smtp_code, e.smtp_error.decode())
except smtplib.SMTPRecipientsRefused as e:
    print(*list(e.recipients.values())[0])
s.close()
END
c=carol@example.test _r=0
# send LOGIN SUBJECT [RECIPIENT…]
send() { _l=$1 _s=$2; shift 2; timeout 60 python3 "$t/one.py" "$with_tls" "$ca" "$_s" "$_l" "${@:-$c}" 2>&1; }

is 'smtplib once more' "$(send alice seen)" taken
arrives seen
like '  the client is in Received' "$(field Received)" 'client\.example\.net.*127\.0\.0\.1'
settle hide-client=1
is 'hide-client' "$(send alice hidden)" taken
arrives hidden
unlike '  it is not in the message' "$(whole)" 'client\.example\.net|127\.0\.0\.1'
id=$(field Received | sed -n 's/.* id \([0-9a-z]*\).*/\1/p')
like '  but in the log' "$(logged "id=$id")" 'msg-accept .*client=[^ ]*\[127\.0\.0\.1\]'

settle login-messages-hour=2
is 'a quota of two messages: one' "$(send bob quota-1)" taken
is '  two' "$(send bob quota-2)" taken
like '  not three' "$(send bob quota-3)" '^4[0-9][0-9] 4\.7\.'
is '  another login has its own' "$(send alice quota-4)" taken
settle login-recipients-hour=3
is 'a quota of three recipients: two' "$(send carol quota-5 $c alice@example.test)" taken
like '  not four' "$(send carol quota-6 $c alice@example.test)" '^4[0-9][0-9] 4\.7\.'
is '  but three' "$(send carol quota-7)" taken
like '  never four' "$(send carol quota-8 $c alice@example.test bob@example.test team@example.test)" '^5[0-9][0-9] 5\.7\.'
settle login-recipients-hour=0
is '  no limit again' "$(send carol quota-9)" taken
wait_for 20 find_mail quota-9
ok 'what was refused is nowhere' sh -c "! grep -rqsE '^Subject: (x|quota-[368])\$' '$d/var/spool'"
done_testing
