/** Why we are right where others accept what we refuse, or refuse what we accept: by the name of the request. */

// Request lines
const SINGLE_SPACES =
  "The parts of a request line have one space between them, and a server SHOULD refuse others (RFC 9112 §3)";
const DIGITS = 'A version is "HTTP/", a digit, a dot and a digit (RFC 9112 §2.3)';
const FRAGMENT =
  "A target has no fragment: origin-form is a path and a query (RFC 9112 §3.2.1), and whoever strips it differs from who does not";
const ASTERISK = "The asterisk is for OPTIONS only (RFC 9112 §3.2.4)";
const SCHEME = "We are no server for other schemes: no origin of ours is meant (RFC 9110 §7.4)";
const USERINFO = "Userinfo in an http URI is an error, and hides where a request goes (RFC 9110 §4.2.4)";
const EMPTY_HOST = "An http URI with an empty host MUST be refused (RFC 9110 §4.2.1)";
// Lines
const BARE_LF =
  "To take LF for the end of a line is a MAY (RFC 9112 §2.2); that the next one in the chain takes it otherwise is how requests are smuggled";
const BARE_CR = "A bare CR MUST be refused or replaced by a space (RFC 9112 §2.2)";
const EMPTY_LINES =
  "At least one empty line SHOULD be ignored before a request (RFC 9112 §2.2): we ignore one, of CR LF";
// Fields
const NAME =
  "A name is a token, and a field line has a colon (RFC 9110 §5.1, RFC 9112 §5): who drops such lines differs from who passes them on";
const TWO_HOSTS = "More than one Host MUST be refused (RFC 9112 §3.2)";
const BAD_HOST =
  "A Host with an invalid value MUST be refused (RFC 9112 §3.2): it is a host and a port (RFC 9110 §7.2)";
const EMPTY_ENCODING =
  "A Transfer-Encoding that is not understood SHOULD get a 501 (RFC 9112 §6.1), and one without a coding says nothing of the length";
const EXPECTATION = "An expectation other than 100-continue MAY get a 417 (RFC 9110 §10.1.1); nginx passes none on";
// Trailers
const TRAILERS =
  "Trailers are field lines (RFC 9112 §7.1.2). nginx drops what is there unread, which is allowed (RFC 9110 §6.5.1), and looks at the end only";
const FORBIDDEN =
  "Fields of framing and routing MUST NOT be sent in trailers (RFC 9110 §6.5.1): who sends them wants somebody to merge them";

/** Node's http. */
export const NODE_REASONS: Readonly<Record<string, string>> = {
  "two spaces before the version": SINGLE_SPACES,
  "target with a fragment": FRAGMENT,
  "asterisk in GET": ASTERISK,
  "another scheme": SCHEME,
  "userinfo": USERINFO,
  "no authority": EMPTY_HOST,
  "LF before the request": EMPTY_LINES,
  "CR before the request": BARE_CR,
  "two empty lines before the request": EMPTY_LINES,
  "two hosts": TWO_HOSTS,
  "two equal hosts": TWO_HOSTS,
  "host with a path": BAD_HOST,
  "host with userinfo": BAD_HOST,
  "host with a space": BAD_HOST,
  "host with a letter in the port": BAD_HOST,
  "host with an open bracket": BAD_HOST,
  "empty encoding": EMPTY_ENCODING,
  "host in trailers": FORBIDDEN,
};

/** nginx. It makes a request of its own of what it takes, so that what is wrong with these does not reach us. */
export const NGINX_REASONS: Readonly<Record<string, string>> = {
  "two spaces before the version": SINGLE_SPACES,
  "space after the version": SINGLE_SPACES,
  "version with two digits": DIGITS,
  "another scheme": SCHEME,
  "bare LF after the request line": BARE_LF,
  "bare LF after a field": BARE_LF,
  "bare LF for the empty line": BARE_LF,
  "LF before the request": EMPTY_LINES,
  "CR before the request": BARE_CR,
  "two empty lines before the request": EMPTY_LINES,
  "CR CR LF": BARE_CR,
  "no colon": NAME,
  "name with an octet above 127": NAME,
  "name with a quote": NAME,
  "unknown expectation": EXPECTATION,
  "LF after the last chunk": BARE_LF,
  "LF after a trailer": BARE_LF,
  "obs-fold in trailers": TRAILERS,
  "length in trailers": FORBIDDEN,
  "encoding in trailers": FORBIDDEN,
  "host in trailers": FORBIDDEN,
  "request instead of trailers": TRAILERS,
  "OPTIONS for the server":
    "The asterisk is what OPTIONS for a server as a whole has (RFC 9112 §3.2.4); nginx knows no such target",
  "HTTP/1.0 without host":
    "HTTP/1.0 has no Host (RFC 9112 §3.2); nginx passes it on as HTTP/1.1 without one, which we MUST refuse",
};
