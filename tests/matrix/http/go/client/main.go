// SPDX-License-Identifier: GPL-2.0-or-later

// Go's net/http client, four at a time: client URL PLAN.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

type request struct {
	method, path string
	size         int
}

type key struct{ method, path, status string }

func send(url string, r request) string {
	var body io.Reader
	if r.size >= 0 {
		body = bytes.NewReader(bytes.Repeat([]byte("g"), r.size))
		if r.size%2 == 1 {
			body = io.MultiReader(body) // of unknown length: chunked
		}
	}
	req, err := http.NewRequest(r.method, url+r.path, body)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return strconv.Itoa(resp.StatusCode)
}

func todo(text string) chan request {
	var plan [][]any
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		log.Fatal(err)
	}
	all := make(chan request, 10000)
	for _, p := range plan {
		size := -1
		if p[2] != nil {
			size = int(p[2].(float64))
		}
		for n := 0; n < int(p[3].(float64)); n++ {
			all <- request{p[0].(string), p[1].(string), size}
		}
	}
	close(all)
	return all
}

func main() {
	var lock sync.Mutex
	var workers sync.WaitGroup
	done := map[key]int{}
	all := todo(os.Args[2])
	for i := 0; i < 4; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for r := range all {
				status := send(os.Args[1], r)
				lock.Lock()
				done[key{r.method, r.path, status}]++
				lock.Unlock()
			}
		}()
	}
	workers.Wait()
	counts := [][]any{}
	for k, n := range done {
		counts = append(counts, []any{k.method, k.path, k.status, n})
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"version": strings.TrimPrefix(runtime.Version(), "go"), "done": counts,
	})
}
