package qrcode

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/adler32"
	"io"
	"sync"
)

// A room is the working memory of one Decode. What Decode returns never points into it.
type room struct {
	packed   []byte // the zlib stream
	unpacked []byte
	source   bytes.Reader // a ByteReader: inflating takes no byte beyond the stream's end
	stream   io.ReadCloser
}

var rooms = sync.Pool{New: func() any {
	return &room{packed: make([]byte, 0, 1024), unpacked: make([]byte, 0, 2048)}
}}

// inflate unpacks r.packed, which must be one whole zlib stream with nothing after it. The result lies in r.
func (r *room) inflate() ([]byte, error) {
	if len(r.packed) >= zlibHeaderSize && r.packed[1]&presetDictionary != 0 {
		// The library would take a stream that names the empty dictionary.
		return nil, refuse(StageCompression, "the zlib stream asks for a preset dictionary")
	}
	if data, ok, err := storedBlock(r.packed); ok || err != nil {
		return data, err
	}
	r.source.Reset(r.packed)
	if err := r.open(); err != nil {
		return nil, refuse(StageCompression, "%v", err)
	}
	// One byte beyond the limit is read at most, so that a stream of exactly MaxInflated bytes still passes.
	out := r.unpacked[:0]
	for {
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
		free := out[len(out):cap(out)]
		if most := MaxInflated + 1 - len(out); len(free) > most {
			free = free[:most]
		}
		n, err := r.stream.Read(free)
		out = out[:len(out)+n]
		r.unpacked = out
		if len(out) > MaxInflated {
			return nil, refuse(StageSize, "the code unpacks to more than %d bytes", MaxInflated)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, refuse(StageCompression, "%v", err)
		}
	}
	if rest := r.source.Len(); rest > 0 {
		return nil, refuse(StageCompression, "%d bytes after the zlib stream", rest)
	}
	return out, nil
}

// open starts r.stream on r.source, reusing its tables. A stream that needs a dictionary is refused.
func (r *room) open() (err error) {
	if r.stream != nil {
		return r.stream.(zlib.Resetter).Reset(&r.source, nil)
	}
	// A failed NewReader returns no stream, so the next call tries anew.
	stream, err := zlib.NewReader(&r.source)
	if err == nil {
		r.stream = stream
	}
	return err
}

const (
	zlibHeaderSize   = 2
	storedHeadSize   = 5 // one byte of flags, LEN, NLEN
	zlibTrailerSize  = 4 // Adler-32, big-endian
	storedOverhead   = zlibHeaderSize + storedHeadSize + zlibTrailerSize
	deflate32K       = 0x78 // the first header byte: deflate with a window of 32 KiB
	presetDictionary = 0x20 // FDICT in the second
	storedFinal      = 0x01 // the last block, stored, padding zero
	storedTypeMask   = 0x07
)

// storedBlock reads a stream that is one stored block: what Encode writes, since the signature and the handle are
// random and such short texts do not shrink. It saves the inflater's tables, and it is stricter than the
// inflater: the five padding bits must be zero, so that no bit of such a code can be changed unnoticed.
// ok is false, without an error, for every other stream.
func storedBlock(packed []byte) (data []byte, ok bool, err error) {
	if len(packed) < storedOverhead || packed[2]&storedTypeMask != storedFinal {
		return nil, false, nil
	}
	header := binary.BigEndian.Uint16(packed)
	if packed[0] != deflate32K || header%31 != 0 {
		return nil, false, refuse(StageCompression, "zlib header %#04x", header)
	}
	size := int(binary.LittleEndian.Uint16(packed[3:]))
	switch data = packed[zlibHeaderSize+storedHeadSize : len(packed)-zlibTrailerSize]; {
	case packed[2] != storedFinal:
		return nil, false, refuse(StageCompression, "padding %#02x of a stored block, want zero", packed[2]>>3)
	case binary.LittleEndian.Uint16(packed[5:]) != ^uint16(size):
		return nil, false, refuse(StageCompression, "a stored block's length and its complement disagree")
	case size != len(data):
		return nil, false, refuse(StageCompression, "a stored block of %d bytes, want %d", size, len(data))
	case size > MaxInflated:
		return nil, false, refuse(StageSize, "the code unpacks to more than %d bytes", MaxInflated)
	case binary.BigEndian.Uint32(packed[len(packed)-zlibTrailerSize:]) != adler32.Checksum(data):
		return nil, false, refuse(StageCompression, "the Adler-32 is another one")
	}
	return data, true, nil
}

// appendStored appends data as a zlib stream of one stored block. data has at most MaxInflated bytes.
func appendStored(dst, data []byte) []byte {
	dst = append(dst, deflate32K, 0x01, storedFinal)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(data)))
	dst = binary.LittleEndian.AppendUint16(dst, ^uint16(len(data)))
	dst = append(dst, data...)
	return binary.BigEndian.AppendUint32(dst, adler32.Checksum(data))
}
