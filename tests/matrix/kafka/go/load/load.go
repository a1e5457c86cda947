// SPDX-License-Identifier: GPL-2.0-or-later

// Package load is what the Go clients of the Kafka matrix share: the command line (../README.md),
// the records and the result.
package load

import (
	"encoding/json"
	"fmt"
	"log"
	"math/rand"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	bigBytes = 500_000
	giveUp   = 30 * time.Second
	linger   = 500 * time.Millisecond
)

// Case is a topic to produce to: TOPIC:ACKS:CODEC:MODE:RECORDS.
type Case struct {
	Topic, Acks, Codec, Mode string
	N                        int
}

// Record is what each library is to send; a nil value is a tombstone.
type Record struct {
	Key, Value []byte
	Headers    []Header
}

// Header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Records makes n records.
func Records(n int) []Record {
	all := make([]Record, n)
	for i := range all {
		r := &all[i]
		if i%5 != 4 {
			r.Key = fmt.Appendf(nil, "key-%d", i%17)
		}
		switch {
		case i == n/2:
			r.Value = make([]byte, bigBytes)
			rand.New(rand.NewSource(int64(i))).Read(r.Value)
		case r.Key != nil && i%13 == 0:
		case i%11 == 0:
			r.Value = []byte{}
		default:
			r.Value = fmt.Appendf(nil, "value-%d-%s", i, strings.Repeat("x", i%200))
		}
		if i%3 == 0 {
			r.Headers = append(r.Headers, Header{"n", []byte(strconv.Itoa(i))})
		}
		if i%6 == 0 {
			r.Headers = append(r.Headers, Header{"empty", nil})
		}
	}
	return all
}

// Reading is what to consume: GROUP:PROTOCOL:ISOLATION TOPIC=RECORDS..., and what came.
type Reading struct {
	Group, Protocol, Isolation string
	Topics                     []string

	mu     sync.Mutex
	counts map[string]int
	got    int
	wanted int
	end    time.Time
	full   bool
}

// Add counts n records.
func (r *Reading) Add(topic string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[topic] += n
	r.got += n
}

// Over tells whether all has come and nothing more for a while, or it takes too long.
func (r *Reading) Over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.full && r.got >= r.wanted {
		r.full, r.end = true, time.Now().Add(linger)
	}
	return time.Now().After(r.end)
}

// Wait returns when it is Over.
func (r *Reading) Wait() {
	for !r.Over() {
		time.Sleep(20 * time.Millisecond)
	}
}

func reading(how string, topics []string) *Reading {
	words := strings.Split(how, ":")
	r := &Reading{Group: words[0], Protocol: words[1], Isolation: words[2]}
	r.counts, r.end = map[string]int{}, time.Now().Add(giveUp)
	for _, t := range topics {
		name, number, _ := strings.Cut(t, "=")
		n, err := strconv.Atoi(number)
		Must(err)
		r.Topics, r.wanted = append(r.Topics, name), r.wanted+n
	}
	return r
}

// Must ends the program on an error.
func Must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, d := range info.Deps {
		if d.Path == module {
			return strings.TrimPrefix(d.Version, "v")
		}
	}
	return ""
}

// Main runs one of them: produce gives the number of records acknowledged (acks=0: sent), consume
// adds to the Reading.
func Main(module string, produce func(bootstrap string, c Case) int,
	consume func(bootstrap string, r *Reading)) {
	bootstrap, rest := os.Args[2], os.Args[3:]
	counts := map[string]int{}
	if os.Args[1] == "produce" {
		for _, text := range rest {
			words := strings.Split(text, ":")
			n, err := strconv.Atoi(words[4])
			Must(err)
			c := Case{words[0], words[1], words[2], words[3], n}
			counts[c.Topic] = produce(bootstrap, c)
		}
	} else {
		r := reading(rest[0], rest[1:])
		consume(bootstrap, r)
		counts = r.counts
	}
	out := map[string]any{"version": version(module), "topics": counts}
	Must(json.NewEncoder(os.Stdout).Encode(out))
}
