package transfer

import (
	"bufio"
	"fmt"
	"io"

	"github.com/gordd-project/gordd/shuffle/block"
)

// small fetches many small pieces of one peer by one request.
func (x *Fetch) small(batch []*item) {
	q, sources, err := x.ask(batch)
	if err != nil {
		for _, it := range batch {
			x.again(it, err, false)
		}
		return
	}
	done := 0
	c := &call{addr: sources[0].Addr, path: address{job: x.r.Job}.path(), body: q.append(nil)}
	for _, it := range batch {
		c.cost += it.size + itemCost
	}
	err = x.f.exchange(x.ctx, c, func(a *answer) error {
		r := bufio.NewReaderSize(a, 16<<10)
		for done < len(batch) {
			if err := x.piece(r, q, done, batch[done], &sources[done]); err != nil {
				return err
			}
			done++
		}
		if _, err := r.ReadByte(); err != io.EOF { // which frees the connection for the next request
			return fmt.Errorf("%w: bytes after the last piece", errFormat)
		}
		return nil
	})
	if err == nil || done == len(batch) || x.over(err) {
		return
	}
	// Damage is the trouble of the piece in which it was found. What was to come after it is not to blame.
	corrupt := causeOf(err) == Corrupt
	for i, it := range batch[done:] {
		if corrupt && i > 0 {
			x.back(it)
			continue
		}
		x.again(it, err, done > 0 && !corrupt)
	}
}

// back puts an item back without a reproach.
func (x *Fetch) back(it *item) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.put(it)
	x.change.Broadcast()
}

func (x *Fetch) ask(batch []*item) (*ask, []Source, error) {
	q := &ask{span: x.span(), each: x.f.o.Small, budget: max(x.f.o.Small, batchBytes), items: make([]askItem, len(batch))}
	sources := make([]Source, len(batch))
	for i, it := range batch {
		sources[i], q.epoch = x.asked(it)
		ticket, err := x.sign(&sources[i], q.epoch)
		if err != nil {
			return nil, nil, err
		}
		q.items[i] = askItem{idOf(sources[i].Attempt), ticket}
	}
	return q, sources, nil
}

// readHead reads a header that must be for what was asked.
func readHead(r io.Reader, id outputID, s span, epoch uint64) (*head, int64, error) {
	b := make([]byte, headFixed, headFixed+64)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, 0, fmt.Errorf("header: %w", err)
	}
	n, err := headRest(b)
	if err != nil {
		return nil, 0, err
	}
	b = append(b, make([]byte, n)...)
	if _, err := io.ReadFull(r, b[headFixed:]); err != nil {
		return nil, 0, fmt.Errorf("header: %w", err)
	}
	h, err := parseHead(b)
	if err != nil {
		return nil, 0, err
	}
	if h.id != id || h.span != s || h.epoch != epoch {
		return nil, 0, fmt.Errorf("%w: output %v, partitions %v, epoch %d where %v, %v, %d was asked for", block.ErrCorrupt,
			h.id, h.span, h.epoch, id, s, epoch)
	}
	return h, int64(len(b)), nil
}

// piece reads the answer for one item. An error is one of the whole answer.
func (x *Fetch) piece(r io.Reader, q *ask, i int, it *item, src *Source) error {
	h, _, err := readHead(r, q.items[i].id, q.span, q.epoch)
	if err != nil {
		return err
	}
	size := h.size()
	switch {
	case h.status == statusHeld && (size > q.each || i > 0):
		it.size = size
		x.back(it)
		return nil
	case h.status != statusOK:
		x.again(it, &refusal{status: h.status}, false)
		return nil
	case size > q.each:
		return fmt.Errorf("%w: %d bytes where at most %d were asked for", errFormat, size, q.each)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return fmt.Errorf("%d bytes of output %v: %w", size, src.Attempt, err)
	}
	if err := newVerifier(src, q.span, h.lens).write(data); err != nil {
		x.again(it, err, false) // the rest of the answer can still be read
		return nil
	}
	x.keep(it, h.lens, data)
	return nil
}

// keep finds a place for a small piece.
func (x *Fetch) keep(it *item, lens [][]int64, data []byte) {
	size := int64(len(data))
	if x.f.held.try(size) {
		x.complete(it, &Part{Lens: lens, size: size, data: data})
		return
	}
	file, off, err := x.spool.reserve(size)
	if err == nil {
		_, err = file.WriteAt(data, off)
	}
	if err != nil {
		x.f.o.Logger.Debug("no room for what was fetched, it will be streamed", "err", err)
		x.streamed(it)
		return
	}
	x.complete(it, &Part{Lens: lens, size: size, file: file, off: off})
}
