#!/bin/sh
# alias-compile on what clients' rules read: each mistake has its file and
# line, and what is right ends up in the tables.
. "$(dirname "$0")/../lib.sh"
mkdir -p "$t/etc/postchaise" "$t/etc/virtual/v.test"
conf=$t/etc/postchaise/postchaise.conf
senders=$t/etc/postchaise/senders
echo 'joe:x:5001:5001::/home/joe:/bin/sh' >"$t/etc/passwd"
echo 'joe:v.test:1:' >"$t/etc/virtual/domains.cf"
printf '%s\n' 'alice:x' 'bob:x' >"$t/etc/virtual/v.test/passwd"
echo 'postmaster: joe' >"$t/etc/aliases"

# refuses LINE PATTERN: the setting is a mistake, told with its line.
refuses() {
	printf '%s\n' hostname=mail.test virtual-user=5100:5101 "$1" >"$conf"
	got=$(alias-compile -n 2>&1); is "$1: exit code" $? 100
	like "$1: said" "$got" "^$conf:3: $2"
}
takes() {
	printf '%s\n' hostname=mail.test virtual-user=5100:5101 "$@" >"$conf"
	got=$(alias-compile -n 2>&1); is "$*: exit code" $? 0
}
for v in deny bounce: folder: folder:../x folder:a/b folder:.x folder:x. 'folder:a b' \
    "bounce:$(printf 'caf\303\251')" "bounce:$(printf '%0400d' 0)" accept:x; do
	refuses "forbidden=$v" 'forbidden: '
done
for v in accept bounce 'bounce:go away' folder:Junk folder:Junk.2026_a-b; do
	takes "forbidden=$v"
done
for v in 2 maybe 'confirmed 1' Confirmed; do refuses "paranoid=$v" 'paranoid: '; done
for v in 0 1 yes no confirmed; do takes "paranoid=$v"; done
for v in 1 all 'virtual passwd'; do refuses "auth=$v" 'auth: '; done
for v in no virtual passwd; do takes "auth=$v"; done
for v in smtpd 25; do refuses "service=$v" 'service: '; done
for v in smtp submission lmtp; do takes "service=$v"; done
for v in 192.0.2.300 192.0.2.1/33 '[::1' 1.2.3 10.0.0.0/8/8 a..b -x . 'ok.test, b@d'; do
	refuses "trusted=$v" "trusted: \`"
done
takes 'trusted=192.0.2.1 [192.0.2.2],10.0.0.0/8 2001:db8::/32 [2001:db8::1] a.test .b.test'
is 'trusted: nothing to warn about' "$(echo "$got" | grep trusted)" ''
for v in 0.0.0.0/0 ::/0; do
	takes "trusted=$v"
	like "trusted=$v: warned about" "$got" "$conf:3: warning: trusted: .*anybody"
done
refuses 'check-rcpt=' 'check-rcpt: no command'
takes 'check-rcpt=/bin/true x' 'check-data=/nonexistent/check y'
like 'check-data: a program that is not there' "$got" "$conf:4: warning: check-data: .*/nonexistent/check"
unlike 'check-rcpt: one that is' "$got" 'check-rcpt'

takes size=1m
# mistake WHAT TEXT PATTERN: of the senders file.
mistake() {
	printf '%b' "$2" >"$senders"
	got=$(alias-compile -n 2>&1); is "senders: $1: exit code" $? 100
	like "senders: $1: said" "$got" "^$senders:$3"
}
mistake 'no colon' 'nocolon\n' '1: expected login'
mistake 'no login before' '#x\n\n\tx@y.test\n' '3: expected login'
mistake 'login of two words' 'a b: x@y.test\n' '1: `a b. is not a login'
mistake 'a word alone' 'joe: sales\n' '1: `sales. is neither'
mistake 'no domain' 'alice@v.test: x@y.test @\n' '1: `@. is neither'
mistake 'in a second line' 'alice@v.test: x@y.test,\n @bad_..test\n' '2: `@bad_\.\.test. is neither'
mistake 'given twice' 'joe: x@y.test\nJoe@mail.test: z@y.test\n' "2: login .joe. is given already, in $senders:1"
mistake 'a NUL' 'joe: x@y\0000z\n' '1: a NUL'
printf 'carol@v.test: x@y.test\n' >"$senders"
like 'senders: a user that is not there' "$(alias-compile -n 2>&1)" "^$senders:1: warning: .*carol@v.test"

printf 'Alice@V.test: Sales@V.test, @Far.test\r\n\t# is no comment here\n' >"$senders"
exits 'senders: # within an entry' 100 alias-compile -n 2>/dev/null
printf '# who\nAlice@V.test: Sales@V.test, @Far.test\r\n\n\tx@y.test\njoe@mail.test: *\n' >"$senders"
printf 'welcome\r\nno spam\n' >"$t/etc/issue.smtp"
exits 'what is right' 0 alias-compile 2>/dev/null
records() { tr '\0' '|' <"$t/etc/postchaise/tables/mail.cdb" | tr -c '[:print:]\n' .; }
like 'a login in lower case, and its entries' "$(records)" \
    "lalice@v\.test$senders:2\|sales@v\.test\|@far\.test\|x@y\.test\|"
like 'a login of the system without its domain' "$(records)" "ljoe$senders:5\|\*\|"
like 'the greeting' "$(records | tr '\n' '/')" 'iwelcome/no spam\|'
printf 'a\033b\n' >"$t/etc/issue.smtp"
like 'a greeting that is not ASCII' "$(alias-compile -n 2>&1)" "^$t/etc/issue.smtp:1: "
printf '%01200d\n' 0 >"$t/etc/issue.smtp"
exits 'a greeting that is too long' 100 alias-compile -n 2>/dev/null
: >"$t/etc/issue.smtp"
exits 'an empty greeting' 0 alias-compile 2>/dev/null
chmod 666 "$senders"
like 'senders that anybody could change' "$(alias-compile -n 2>&1)" "^$senders: unsafe mode"
done_testing
