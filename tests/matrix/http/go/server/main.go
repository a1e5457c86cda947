// SPDX-License-Identifier: GPL-2.0-or-later

// The matrix's server on Go's net/http: server PORT.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
)

var fixed = map[string][]byte{
	"/tiny.txt":  bytes.Repeat([]byte("x"), 612),
	"/large.bin": bytes.Repeat([]byte("l"), 102400),
}

// Remembers the status for the ledger.
type noted struct {
	http.ResponseWriter
	status int
}

func (w *noted) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	path := r.URL.Path
	body := fixed[path]
	switch {
	case body != nil:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body)
	case strings.HasPrefix(path, "/page/"):
		w.Write(bytes.Repeat([]byte("y"), 100))
	case path == "/echo":
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "thank you\n")
	case path == "/chunked":
		for n := 1; n <= 5; n++ {
			w.Write(bytes.Repeat([]byte("z"), n*50))
			w.(*noted).ResponseWriter.(http.Flusher).Flush()
		}
	case path == "/none":
		w.WriteHeader(http.StatusNoContent)
	case path == "/broken":
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func main() {
	fmt.Fprintln(os.Stderr, runtime.Version())
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		n := &noted{w, http.StatusOK}
		answer(n, r)
		fmt.Println(r.Method, r.URL.Path, n.status)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
