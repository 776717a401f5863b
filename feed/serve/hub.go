package serve

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// MaxForm is the maximum length of a form in bytes.
const MaxForm = 16 << 10

// Hub handles requests to the hub of a site. Its methods must be safe for concurrent use.
type Hub interface {
	// Subscribe handles a form. client is the zero Addr if its requests are not limited. The text is one line without any
	// part of the request. retryAfter is 0 if the request need not be repeated.
	Subscribe(ctx context.Context, contentType string, form []byte, client netip.Addr) (
		status int, text string, retryAfter time.Duration)
}

// TakesForm reports whether a request contains a form for the site's hub. Engines do not read the body of any other
// request.
func (f *Front) TakesForm(method, path string) bool {
	return method == http.MethodPost && f.Hub != nil && path == f.HubPath
}

// AnswerForm returns the response to a request for which [Front.TakesForm] returned true. It is safe for concurrent
// use.
func (f *Front) AnswerForm(ctx context.Context, c Client, contentType string, form []byte) Response {
	client := f.Proxies.Origin(c)
	if f.Proxies.Trusted(client) {
		client = netip.Addr{}
	}
	status, text, retryAfter := f.Hub.Subscribe(ctx, strings.Clone(contentType), form, client)
	var more []Field
	if retryAfter > 0 {
		seconds := int64((retryAfter + time.Second - 1) / time.Second)
		more = append(more, field("Retry-After", strconv.FormatInt(seconds, 10)))
	}
	res := failure(status, text, more...)
	if f.Observer != nil {
		f.Observer.Served("", res.Status, len(res.Body))
	}
	return res
}

// FormTooLong returns the response to a form of more than [MaxForm] bytes. The connection must be closed afterwards.
func FormTooLong() Response {
	res := failure(http.StatusRequestEntityTooLarge, "The form is too long.")
	res.Close = true
	return res
}
