/* The parts of smtps among themselves; behind smtps.h. */
#ifndef SMTPSX_H
#define SMTPSX_H

enum {
	SMTPS_LONGEST = 2048, /* RFC 5321 4.5.3.1.4 wants 512 and parameters */
	SMTPS_JUNK = 100,     /* NOOP and the like, before they are errors */
	SMTPS_LINE = 510      /* of a reply, without its end */
};

/* What a command does in a state: it runs, or is out of sequence. */
enum smtps_sequence {
	RUN, NO_HELO, NO_MAIL, NO_RCPT, NESTED, CHUNKS, SHUT
};
const char *smtps_out_of_sequence(const struct smtps *s,
    enum smtps_sequence why);

/* A part of a reply's line; its rest and end; a line that is both.  What a
 * caller's text has of control characters becomes `?'. */
void smtps_say(struct smtps *s, const char *text);
void smtps_reply(struct smtps *s, const char *text);
/* A reply to something that no good client does. */
void smtps_error(struct smtps *s, const char *text);
/* ... and to a command that brings the session no further. */
void smtps_junk(struct smtps *s, const char *text);
void smtps_count_error(struct smtps *s);
/* A refusal, which is logged; 421 ends the session. */
void smtps_refuse(struct smtps *s, enum smtps_what what, const char *p,
    size_t n, const char *no);
/* Tells the audit the first line of the reply from this place of out on. */
void smtps_audit(struct smtps *s, const char *verb, size_t from);
/* Forgets sender, recipients and message. */
void smtps_reset(struct smtps *s);

/* Commands: the argument without blanks around it. */
void smtps_mail(struct smtps *s, const char *p, size_t n);
void smtps_rcpt(struct smtps *s, const char *p, size_t n);

void smtps_data(struct smtps *s, const char *p, size_t n);
void smtps_bdat(struct smtps *s, const char *p, size_t n);
/* A piece of a message, a chunk, or the replies to it. */
enum smtps_step smtps_message(struct smtps *s);
/* A message that has begun will not come to its end. */
void smtps_drop(struct smtps *s);

/* Does the session, as it is, take logins? */
int smtps_auth_offered(const struct smtps *s);
void smtps_auth(struct smtps *s, const char *p, size_t n);
/* The client's next line; one that is too long. */
void smtps_auth_line(struct smtps *s, const char *p, size_t n);
void smtps_auth_long(struct smtps *s);
/* Forgets a login that is half done. */
void smtps_auth_over(struct smtps *s);
#endif
