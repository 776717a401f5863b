package serve

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Date is a value of the Date field. It is immutable.
type Date struct {
	unix   int64    // seconds since 1970
	Values []string // the value in the HTTP format, as the only element
	Line   string   // the field as it is sent in HTTP/1, with its line end
}

func dateOf(unix int64) *Date {
	value := time.Unix(unix, 0).UTC().Format(http.TimeFormat)
	return &Date{unix, []string{value}, "Date: " + value + "\r\n"}
}

// Dates generates the Date field of responses. The zero Dates is ready to use, and safe for concurrent use.
type Dates struct{ current atomic.Pointer[Date] }

// Of returns the Date of a response: the given current time, or the response's Last-Modified if that is later. An
// origin must not send a Last-Modified later than Date (RFC 9110 section 8.8.2.1). The store sets Last-Modified, so
// it is the same on all replicas, but the clock of a replica may be behind that of the store.
func (d *Dates) Of(res *Response, now time.Time) *Date {
	unix := now.Unix()
	if res.modified > unix {
		return dateOf(res.modified)
	}
	date := d.current.Load()
	if date == nil || date.unix != unix {
		date = dateOf(unix)
		d.current.Store(date)
	}
	return date
}
