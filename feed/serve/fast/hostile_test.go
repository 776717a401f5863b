package fast_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/serve"
)

// marker is in hostile requests, and must not be in responses or logs.
const marker = "zqxsmuggled"

// sentinel is sent after each hostile request. The response is 204 only if the engine detects the correct end of the
// hostile request.
const sentinel = "OPTIONS /sentinel HTTP/1.1\r\nHost: x\r\n\r\n"

// hostile is a malformed or unusual request with its safe outcomes, separated by "|". An outcome lists the statuses of
// all responses on the connection: "400" if the engine rejects the request and closes the connection, "200 204" if it
// answers the request and the sentinel, "" if it closes the connection without a response. Both engines must have the
// same outcome.
type hostile struct{ name, raw, safe string }

// request returns a GET with lines in its header.
func request(lines ...string) string {
	return "GET /feed.xml HTTP/1.1\r\nHost: x\r\n" + strings.Join(append(lines, "", ""), "\r\n")
}

const (
	rejected = "400"
	answered = "200 204"
	inner    = "GET /" + marker + " HTTP/1.1\r\nHost: x\r\n\r\n"
)

// hostiles returns the requests.
func hostiles() []hostile {
	var all []hostile
	add := func(name, raw, safe string) { all = append(all, hostile{name, raw, safe}) }

	// Contradictory framing.
	for _, te := range []string{
		"chunked", "Chunked", " chunked", "\tchunked", "chunked ", "identity", "gzip", "gzip, chunked", "chunked, identity",
		"chunked, chunked", "xchunked", "chunked\x0b", "\"chunked\"", "", ",chunked", "chunked;a=b", "trailers",
	} {
		for _, cl := range []string{"Content-Length: 0", "Content-Length: 6"} {
			add(fmt.Sprintf("%s with Transfer-Encoding %q", cl, te),
				request(cl, "Transfer-Encoding:"+te)+"0\r\n\r\n"+inner, "400|501")
			add(fmt.Sprintf("Transfer-Encoding %q before %s", te, cl),
				request("Transfer-Encoding:"+te, cl)+"0\r\n\r\n"+inner, "400|501")
		}
		add(fmt.Sprintf("only Transfer-Encoding %q", te), request("Transfer-Encoding:"+te)+"0\r\n\r\n"+inner, "400|501")
	}
	for name, lines := range map[string][]string{
		"two Transfer-Encodings":                   {"Transfer-Encoding: chunked", "Transfer-Encoding: identity"},
		"two Transfer-Encodings that agree":        {"Transfer-Encoding: chunked", "Transfer-Encoding: chunked"},
		"a Transfer-Encoding with a space":         {"Transfer-Encoding : chunked"},
		"a Transfer-Encoding with a tab":           {"Transfer-Encoding\t: chunked"},
		"a Transfer-Encoding after a folded line":  {"X: a\r\n Transfer-Encoding: chunked"},
		"a folded Transfer-Encoding":               {"Transfer-Encoding:\r\n chunked"},
		"a Transfer-Encoding after a vertical tab": {"\x0bTransfer-Encoding: chunked"},
		"a Transfer-Encoding after a bare CR":      {"X: a\rTransfer-Encoding: chunked"},
		"a Transfer-Encoding after a NUL":          {"X: a\x00Transfer-Encoding: chunked"},
		"a Content-Length with a space":            {"Content-Length : 5"},
	} {
		add(name, request(lines...)+"0\r\n\r\n"+inner, "400|501")
	}
	add("a Transfer-Encoding with an underscore, a different field", request("Transfer_Encoding: chunked"), answered)
	add("chunked in HTTP/1.0", "GET /feed.xml HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+inner, "400|501")

	add("chunked in HTTP/1.0 with keep-alive",
		"GET /feed.xml HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"+inner, "400|501")

	for _, cl := range []string{
		"1", "5", "+5", "-5", "-0", "5,5", "5, 6", "5 5", "0x5", "5.0", "1e1", "05", "five", "", "٥", "9223372036854775808",
		"99999999999999999999999999", "5;a=b", "\"5\"", "5\x00", "5\x0b",
	} {
		add(fmt.Sprintf("Content-Length %q", cl), request("Content-Length: "+cl)+"abcde"+inner, rejected)
	}
	add("Content-Length 0", request("Content-Length: 0"), answered)
	add("Content-Length 00", request("Content-Length: 00"), "200 204|400")
	add("Content-Length +0", request("Content-Length: +0"), rejected)
	for name, lines := range map[string][]string{
		"two Content-Lengths":                   {"Content-Length: 0", "Content-Length: 5"},
		"two Content-Lengths, the longer first": {"Content-Length: 5", "Content-Length: 0"},
		"two Content-Lengths that agree":        {"Content-Length: 0", "Content-Length: 0"},
		"two Content-Lengths in mixed case":     {"Content-Length: 5", "CONTENT-LENGTH: 5"},
	} {
		add(name, request(lines...)+"abcde"+inner, rejected)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "QUERY"} {
		add(method+" with a body", method+" /feed.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"+inner, "405")
		add(method+" with a long body",
			method+" /feed.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\nabcde"+inner, "405")
		add(method+" with a body in chunks",
			method+" /feed.xml HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"+inner,
			rejected)
		add(method, method+" /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", "405 204")
	}
	for _, method := range []string{"HEAD", "OPTIONS"} {
		add(method+" with a body", method+" /feed.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"+inner, rejected)
	}
	for name, body := range map[string]string{
		"a chunk without a size": "\r\nabc\r\n0\r\n\r\n", "a negative chunk": "-1\r\nabc\r\n0\r\n\r\n",
		"a chunk with an extension": "3;a=b\r\nabc\r\n0\r\n\r\n", "a chunk size with a sign": "+3\r\nabc\r\n0\r\n\r\n",
		"a chunk with bare LF": "3\nabc\n0\n\n", "a chunk that is too long": "ffffffffffffffff\r\nabc",
		"trailers":                      "0\r\nX-" + marker + ": a\r\n\r\n",
		"a Content-Length as a trailer": "0\r\nContent-Length: 5\r\n\r\nabcde", "no last chunk": "3\r\nabc\r\n",
	} {
		add("GET in chunks: "+name, request("Transfer-Encoding: chunked")+body+inner, rejected)
	}

	// Contradictory hosts, which can poison caches.
	for name, raw := range map[string]string{
		"no Host":                 "GET /feed.xml HTTP/1.1\r\n\r\n",
		"two Hosts":               "GET /feed.xml HTTP/1.1\r\nHost: x\r\nHost: " + marker + "\r\n\r\n",
		"two Hosts that agree":    "GET /feed.xml HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
		"two Hosts in mixed case": "GET /feed.xml HTTP/1.1\r\nHost: x\r\nhost: " + marker + "\r\n\r\n",
		"a Host with a space":     "GET /feed.xml HTTP/1.1\r\nHost : x\r\n\r\n",
		"a Host of two words":     "GET /feed.xml HTTP/1.1\r\nHost: x " + marker + "\r\n\r\n",
		"a Host with a NUL":       "GET /feed.xml HTTP/1.1\r\nHost: x\x00" + marker + "\r\n\r\n",
		"a Host folded":           "GET /feed.xml HTTP/1.1\r\nHost: x\r\n " + marker + "\r\n\r\n",
		"a folded first line":     "GET /feed.xml HTTP/1.1\r\n Host: x\r\n\r\n",
	} {
		add(name, raw, rejected)
	}
	add("an empty Host", "GET /feed.xml HTTP/1.1\r\nHost:\r\n\r\n", rejected)
	add("a Host with a path", "GET /feed.xml HTTP/1.1\r\nHost: x/"+marker+"\r\n\r\n", "200 204|400")
	add("a Host with a user", "GET /feed.xml HTTP/1.1\r\nHost: "+marker+"@x\r\n\r\n", "200 204|400")
	add("a Host that is quoted", "GET /feed.xml HTTP/1.1\r\nHost: \"x\"\r\n\r\n", "200 204|400")
	add("a Host of markup", "GET /feed.xml HTTP/1.1\r\nHost: <"+marker+">\r\n\r\n", "200 204|400")
	add("a different absolute URI", "GET http://"+marker+"/feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", answered)
	add("X-Forwarded-Host, which is ignored", request("X-Forwarded-Host: "+marker, "Forwarded: host="+marker), answered)
	add("overriding fields, which are ignored",
		request("X-Original-URL: /"+marker, "X-Rewrite-URL: /"+marker, "X-HTTP-Method-Override: DELETE"), answered)

	// Line endings.
	for name, raw := range map[string]string{
		"bare LF in the header":        "GET /feed.xml HTTP/1.1\r\nHost: x\nX: a\r\n\r\n",
		"bare LF before a field":       request("X: a\nTransfer-Encoding: chunked") + "0\r\n\r\n" + inner,
		"bare LF ends the header":      "GET /feed.xml HTTP/1.1\r\nHost: x\r\n\n" + inner,
		"bare CR in a value":           request("X: a\rb"),
		"bare CR in a name":            request("X\rY: b"),
		"bare CR before a CRLF":        request("X: b\r"),
		"a folded value":               request("X: a\r\n b"),
		"a value folded by a tab":      request("X: a\r\n\tb"),
		"a folded line of white space": request("X: a\r\n   "),
		"NUL in a value":               request("X: a\x00b"),
		"NUL in a name":                request("X\x00Y: b"),
		"BEL in a value":               request("X: a\x07b"),
		"DEL in a value":               request("X: a\x7fb"),
		"a vertical tab in a value":    request("X: a\x0bb"),
		"a form feed in a name":        request("X\x0c: b"),
		"no colon":                     request(marker),
		"an empty name":                request(": " + marker),
		"a name of one space":          request(" : " + marker),
		"a space before the colon":     request("X : b"),
		"a tab before the colon":       request("X\t: b"),
		"parentheses in a name":        request("X(a): b"),
		"a name in UTF-8":              request("é: b"),
		"a name in Latin-1":            request("\xe9: b"),
		"a name with a slash":          request("X/Y: b"),
		"a name in quotes":             request("\"X\": b"),
		"NUL alone":                    "\x00",
		"a TLS hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 100) +
			"\r\n\r\n",
		"an SSH greeting":               "SSH-2.0-OpenSSH_9.9\r\n\r\n",
		"only a colon":                  ":\r\n\r\n",
		"LF for every line end":         "GET /feed.xml HTTP/1.1\nHost: x\n\n",
		"LF CR":                         "GET /feed.xml HTTP/1.1\n\rHost: x\n\r\n\r",
		"CR for every line end":         "GET /feed.xml HTTP/1.1\rHost: x\r\r",
		"CR CR LF":                      "GET /feed.xml HTTP/1.1\r\r\nHost: x\r\r\n\r\r\n",
		"a line of white space":         request("X: a", " "),
		"a header that begins with tab": "GET /feed.xml HTTP/1.1\r\n\tX: a\r\nHost: x\r\n\r\n",
	} {
		add(name, raw, "400|")
	}
	add("bare LF after the request line", "GET /feed.xml HTTP/1.1\nHost: x\r\n\r\n", rejected)
	add("a name with a space in it", request("X Y: b"), rejected)
	add("a framing name with a space in it", request("Transfer Encoding: chunked")+"0\r\n\r\n"+inner, rejected)
	add("an empty value", request("X:"), answered)
	add("a value in UTF-8", request("X: é"+marker), answered)
	add("a value in Latin-1", request("X: \xe9"+marker), answered)
	add("an empty line before the request", "\r\n"+request(), rejected)
	add("two empty lines before the request", "\r\n\r\n"+request(), rejected)
	add("white space before the request", " "+request(), "400|")
	add("a BOM before the request", "\xef\xbb\xbf"+request(), "400|405 204")
	add("an ANSI escape in a field", request("User-Agent: \x1b[31m"+marker), rejected)
	add("a log line in a field", request("User-Agent: a\" "+marker+" \"b"), answered)
	add("a format in a field", request("User-Agent: %s%n"+marker+"${jndi:ldap://x}"), answered)

	// Request lines.
	for name, line := range map[string]string{
		"HTTP/0.9 without a version": "GET /feed.xml", "HTTP/0.9": "GET /feed.xml HTTP/0.9", "no target": "GET HTTP/1.1",
		"two spaces after the method": "GET  /feed.xml HTTP/1.1", "two spaces after the target": "GET /feed.xml  HTTP/1.1",
		"a tab after the method": "GET\t/feed.xml HTTP/1.1", "a tab after the target": "GET /feed.xml\tHTTP/1.1",
		"a space in the target": "GET /feed.xml " + marker + " HTTP/1.1", "a space at the end": "GET /feed.xml HTTP/1.1 ",
		"HTTP/2.0": "GET /feed.xml HTTP/2.0", "HTTP/3": "GET /feed.xml HTTP/3", "HTTP/11": "GET /feed.xml HTTP/11",
		"HTTP/1.10": "GET /feed.xml HTTP/1.10", "HTTP/01.1": "GET /feed.xml HTTP/01.1", "HTTP/1": "GET /feed.xml HTTP/1",
		"http/1.1": "GET /feed.xml http/1.1", "HTTP/-1.1": "GET /feed.xml HTTP/-1.1", "HTTP 1.1": "GET /feed.xml HTTP 1.1",
		"HTTPS/1.1": "GET /feed.xml HTTPS/1.1", "HTTP/1,1": "GET /feed.xml HTTP/1,1", "HTTP/x.y": "GET /feed.xml HTTP/x.y",
		"RTSP": "GET /feed.xml RTSP/1.0", "the preface of HTTP/2": "PRI * HTTP/2.0",
		"no slash": "GET feed.xml HTTP/1.1", "NUL in the target": "GET /feed.xml\x00" + marker + " HTTP/1.1",
		"* for GET": "GET * HTTP/1.1", "a relative target": "GET ../" + marker + " HTTP/1.1",
		"an authority": "GET x:80 HTTP/1.1", "CONNECT": "CONNECT " + marker + ":443 HTTP/1.1",
		"a bad escape":   "GET /%zz" + marker + " HTTP/1.1",
		"half an escape": "GET /feed.xml% HTTP/1.1", "an escape of one digit": "GET /%2 HTTP/1.1",
		"DEL in the target":  "GET /\x7f" + marker + " HTTP/1.1",
		"a method in braces": "G{E}T /feed.xml HTTP/1.1", "a method with a colon": "GET: /feed.xml HTTP/1.1",
		"a method with a NUL": "G\x00T /feed.xml HTTP/1.1",
		"a method in UTF-8":   "GÉT /feed.xml HTTP/1.1", "no method": " /feed.xml HTTP/1.1",
		"CR in the target": "GET /\rfeed.xml HTTP/1.1",
	} {
		add(name, line+"\r\nHost: x\r\n\r\n", "400|505|404 204|405 204|405")
	}
	add("HTTP/1.2", "GET /feed.xml HTTP/1.2\r\nHost: x\r\n\r\n", "200")
	for _, method := range []string{
		"get", "Get", "GETS", "GE", "G", "TRACK", "DEBUG", "SUBSCRIBE", strings.Repeat("A", 100),
	} {
		add("method "+method, method+" /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", "405 204")
	}
	for _, path := range []string{
		"/%00", "/feed.xml%00", "/feed.xml%00.html",
		"/%2e%2e/feed.xml", "/..", "/../../../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%252e%252e/feed.xml",
		"/.%2e/feed.xml", "/%c0%ae%c0%ae/feed.xml", "/%ff%fe", "/\xff\xfe", "/feed.xml%0d%0aX-" + marker + ":%20a",
		"/feed.xml%0a" + marker,
		"/feed.xml%20HTTP/1.1%0d%0aHost:%20" + marker, "/%5c..%5cfeed.xml", "/..\\feed.xml", "/./feed.xml",
		"/.//feed.xml", "//feed.xml", "///", "/feed.xml/", "/feed.xml//",
		"/feed.xml/..", "/feed.xml/.", "/FEED.XML", "/feed.xml~", "/feed.xml.gz", "/feed.xml;" + marker,
		"/feed.xml%3f", "/feed.xml%23", "/<script>" + marker, "/\"" + marker, "/'" + marker + "--",
		"/${jndi:ldap://" + marker + "}", "/%u0066eed.xml%", "/~root", "/.git/config", "/con", "/nul",
		"/feed.xml::$DATA", "/tags//feed.xml", "/tags/%2e/feed.xml", "http:///feed.xml%20",
		"http://x:99999/none", "ftp://x/none", "//" + marker + "/feed.xml", "http://[::1]/none", "javascript:alert(1)",
		"/\xe2\x80\xae" + marker, "http://x/%zz",
	} {
		add(fmt.Sprintf("target %q", path), "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n", "404 204|400")
	}
	add("a fragment", "GET /feed.xml#a HTTP/1.1\r\nHost: x\r\n\r\n", "404 204|400|200 204")
	add("a query of markup", "GET /feed.xml?<"+marker+"> HTTP/1.1\r\nHost: x\r\n\r\n", answered)
	add("a user in the target", "GET http://"+marker+":pass@x/feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", "200 204|400")

	// Long headers.
	long := strings.Repeat("a", 20<<10)
	add("a long target", "GET /"+long+" HTTP/1.1\r\nHost: x\r\n\r\n", "431")
	add("a long query", "GET /feed.xml?"+long+" HTTP/1.1\r\nHost: x\r\n\r\n", "431")
	add("a long method", long+" / HTTP/1.1\r\nHost: x\r\n\r\n", "431|400")
	add("a long version", "GET / HTTP/1.1"+long+"\r\nHost: x\r\n\r\n", "431|400")
	add("a long value", request("X: "+long), "431")
	add("a long name", request(long+": x"), "431")
	add("a long Host", "GET / HTTP/1.1\r\nHost: "+long+"\r\n\r\n", "431")
	add("a long tag", request("If-None-Match: \""+long+"\""), "431")
	add("a line without an end", long, "431|400")
	add("many fields", request(strings.Repeat("X: y\r\n", 5000)+"X: y"), "431")
	add("a thousand fields", request(strings.Repeat("X: y\r\n", 1000)+"X: y"), answered)
	add("many empty lines", strings.Repeat("\r\n", 20<<10), rejected)
	add("a long list of tags", request("If-None-Match: "+strings.Repeat("\"a\",", 3000)), answered)
	add("a long list of codings", request("Accept-Encoding: "+strings.Repeat("a;q=0.1,", 1500)), answered)
	add("many lines of tags", request(strings.Repeat("If-None-Match: \"a\"\r\n", 500)+"X: y"), answered)

	// Pipelining and upgrades.
	add("two requests", request()+request(), "200 200 204")
	add("two requests, the second malformed", request()+"GET /\x00 HTTP/1.1\r\n\r\n", "200 400|200")
	add("a request after Connection: close", request("Connection: close")+inner, "200")
	add("close in a list", request("Connection: x, close")+inner, "200")
	add("close in capitals", request("Connection: CLOSE")+inner, "200")
	add("Expect: 100-continue", request("Expect: 100-continue"), "417")
	add("Expect: 100-continue with a body", request("Expect: 100-continue", "Content-Length: 5")+"abcde"+inner, "417")
	add("Expect: 100-continue with a POST",
		"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nabcde"+inner, "417")
	add("Expect something else", request("Expect: "+marker), "417")
	add("Upgrade to WebSocket", request("Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"), answered)
	add("Upgrade to h2c", request("Connection: Upgrade, HTTP2-Settings",
		"Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), answered)
	add("Upgrade to TLS", request("Connection: Upgrade", "Upgrade: TLS/1.0"), answered)
	add("Trailer announced", request("Trailer: Content-Length"), rejected)
	add("TE", request("TE: trailers, chunked"), answered)
	add("a framing field in Connection", request("Connection: content-length, host"), answered)
	add("Keep-Alive", request("Connection: keep-alive", "Keep-Alive: timeout=999999, max=999999"), answered)
	add("Proxy-Connection", request("Proxy-Connection: keep-alive"), answered)
	add("many ranges", request("Range: bytes="+strings.Repeat("0-,", 1300)), answered)
	add("credentials", request("Authorization: Basic "+marker, "Cookie: a="+marker), answered)
	add("a header without an end", "GET /feed.xml HTTP/1.1\r\nHost: x\r\nX: "+marker, "400||408|200")
	add("an HTTP response", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "400|")
	add("the PROXY protocol", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"+request(), "400|")
	add("an empty request", "", "204")
	return all
}

// TestHostileRequests sends each request to both engines. The outcome must be safe and the same, and no part of the
// request may be in a response or the log.
func TestHostileRequests(t *testing.T) {
	s := site(t, 4000, feed.Main)
	all := hostiles()
	if len(all) < 350 {
		t.Fatalf("%d cases, want at least 350", len(all))
	}
	var log record
	addresses := map[string]string{}
	for name := range engines {
		addresses[name] = start(t, name, &serve.Front{Documents: fixed{s}}, testLimits,
			slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	}
	seen := map[string]bool{}
	for _, h := range all {
		if seen[h.name] {
			t.Errorf("two cases have the name %q", h.name)
		}
		seen[h.name] = true
		outcomes := map[string]string{}
		for name, addr := range addresses {
			got, answers := outcome(t, addr, h.raw+sentinel)
			outcomes[name] = got
			if !slices.Contains(strings.Split(h.safe, "|"), got) {
				t.Errorf("%s engine: %s: outcome %q, want one of %q\nrequest: %.300q\nresponses: %.600q", name, h.name, got,
					h.safe, h.raw, answers)
			}
			if bytes.Contains(answers, []byte(marker)) {
				t.Errorf("%s engine: %s: the responses contain a part of the request\nrequest: %.300q\nresponses: %.600q",
					name, h.name, h.raw, answers)
			}
		}
		if outcomes["fast"] != outcomes["standard"] {
			t.Errorf("%s: the engines differ: %q\nrequest: %.300q", h.name, outcomes, h.raw)
		}
	}
	if strings.Contains(log.String(), marker) {
		t.Errorf("the log contains a part of a request:\n%s", log.String())
	}
}

// outcome sends raw bytes, closes the sending direction, and returns the statuses of all responses and the raw
// responses.
func outcome(t *testing.T, addr, raw string) (string, []byte) {
	t.Helper()
	conn := dial(t, addr)
	defer func() { _ = conn.Close() }()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		// An engine may close the connection before everything is sent.
		if _, err := io.WriteString(conn, raw); err == nil {
			_ = conn.CloseWrite()
		}
	}()
	answers, err := io.ReadAll(conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection is not closed after %.300q", raw)
	}
	<-sent
	var statuses []string
	method, _, _ := strings.Cut(strings.TrimLeft(raw, "\r\n"), " ")
	for r := bufio.NewReader(bytes.NewReader(answers)); ; method = "GET" {
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return strings.Join(statuses, " "), answers
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Errorf("response to %.300q: body: %v", raw, err)
		}
		statuses = append(statuses, fmt.Sprint(res.StatusCode))
	}
}

// TestSlowClientsAreClosed checks that clients that send slowly, or nothing, are disconnected in time.
func TestSlowClientsAreClosed(t *testing.T) {
	s := site(t, 4000, feed.Main)
	const limit = 300 * time.Millisecond
	const half = "GET /feed.xml HTTP/1.1\r\nHost: x\r\nX: "
	for name := range engines {
		for what, c := range map[string]struct {
			raw        string
			idle, read time.Duration
		}{
			"no byte":                {"", time.Minute, limit},
			"half a request":         {half, time.Minute, limit},
			"one request":            {request(), limit, time.Minute},
			"one request and a half": {request() + half, time.Minute, limit},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				limits := testLimits
				limits.ReadHeaderTimeout, limits.ReadTimeout, limits.IdleTimeout = c.read, c.read, c.idle
				addr := start(t, name, &serve.Front{Documents: fixed{s}}, limits, logTo(t))
				var conns []*net.TCPConn
				for range 20 {
					conn := dial(t, addr)
					if _, err := io.WriteString(conn, c.raw); err != nil {
						t.Fatal(err)
					}
					conns = append(conns, conn)
				}
				for _, conn := range conns {
					ticker := time.NewTicker(20 * time.Millisecond)
					closed := make(chan struct{})
					go func() { // a client that never stops sending
						for {
							select {
							case <-closed:
								return
							case <-ticker.C:
								if strings.HasSuffix(c.raw, half) {
									_, _ = conn.Write([]byte("a"))
								}
							}
						}
					}()
					_, err := io.Copy(io.Discard, conn)
					ticker.Stop()
					close(closed)
					var timeout net.Error
					if errors.As(err, &timeout) && timeout.Timeout() {
						t.Fatalf("%s engine: the connection of a client that sends only %s is not closed", name, what)
					}
				}
			})
		}
	}
}

// TestMaxConnections checks that clients beyond the limit wait until another client disconnects.
func TestMaxConnections(t *testing.T) {
	s := site(t, 4000, feed.Main)
	limits := testLimits
	limits.MaxConnections = 2
	for name := range engines {
		addr := start(t, name, &serve.Front{Documents: fixed{s}}, limits, logTo(t))
		send := func(conn *net.TCPConn) {
			t.Helper()
			if _, err := io.WriteString(conn, request()); err != nil {
				t.Fatal(err)
			}
		}
		one, two, three := dial(t, addr), dial(t, addr), dial(t, addr)
		for _, conn := range []*net.TCPConn{one, two} {
			send(conn)
			if a := read(t, bufio.NewReader(conn), "GET"); a.Status != 200 {
				t.Fatalf("%s engine: status is %d, want 200", name, a.Status)
			}
		}
		send(three)
		if err := three.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := three.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s engine: a third connection received %d bytes while two were open, want none", name, n)
		}
		if err := errors.Join(one.Close(), three.SetReadDeadline(time.Now().Add(time.Minute))); err != nil {
			t.Fatal(err)
		}
		if a := read(t, bufio.NewReader(three), "GET"); a.Status != 200 {
			t.Errorf("%s engine: status is %d after another connection was closed, want 200", name, a.Status)
		}
	}
}
