package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/markup"
)

// Some editors store a pasted image in the text of a post, as a data: URL. A few such images make a post larger than
// feedpub accepts, and readers would download them again whenever the feed changes. An import therefore stores them as
// files.

// File is a file that a post refers to.
type File struct {
	Name    string // slash-separated path in the folder of the files that posts refer to
	Content []byte
}

const (
	// imageFolder is the folder in which images are saved.
	imageFolder = "images"
	// minImage is the minimum length of a data: URL whose image is saved. A request for a smaller image would cost more
	// than it saves.
	minImage = 4 << 10
)

var imageName = regexp.MustCompile(imageFolder + `/[0-9a-f]{32}\.[a-z]{3,4}`)

// imageExtensions maps the media subtypes of images that browsers show to file extensions.
var imageExtensions = map[string]string{
	"avif": ".avif", "bmp": ".bmp", "gif": ".gif", "jpeg": ".jpg", "jpg": ".jpg", "png": ".png", "svg+xml": ".svg",
	"webp": ".webp",
}

const dataImage = "data:image/" // the beginning of a data: URL of an image

// replaceImages returns text with the data: URLs of images of at least minImage bytes replaced by the results of f.
func replaceImages(text string, f func(address, kind, data string) string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, dataImage)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		kind, data, _ := strings.Cut(rest[:min(len(rest), 40)], ";base64,")
		if data == "" || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789.+-") != "" {
			b.WriteString(dataImage)
			text = rest
			continue
		}
		start := len(kind) + len(";base64,")
		end := start
		for end < len(rest) && isBase64(rest[end]) {
			end++
		}
		address := text[len(before):][:len(dataImage)+end]
		if len(address) >= minImage {
			address = f(address, kind, rest[start:end])
		}
		b.WriteString(address)
		text = rest[end:]
	}
}

func isBase64(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '='
}

// sizeWithoutImages returns the length of a text without the data: URLs whose images an import saves as files.
func sizeWithoutImages(text string) int {
	if len(text) <= intake.MaxSize {
		return len(text)
	}
	return len(replaceImages(text, func(string, string, string) string { return "" }))
}

// hideImages replaces the long data: URLs in text with short ones, and returns a function that restores the long ones.
// This limits the time needed to search and convert the text.
func hideImages(text string) (short string, show func(string) string) {
	const hidden = dataImage + "x-hidden;base64,"
	if strings.Contains(text, hidden) {
		return text, func(s string) string { return s }
	}
	var pairs []string
	short = replaceImages(text, func(address, _, _ string) string {
		name := hidden + strconv.Itoa(len(pairs)) + "."
		pairs = append(pairs, name, address)
		return name
	})
	return short, strings.NewReplacer(pairs...).Replace
}

// maxFile returns the maximum size of a file with one post.
func (o Options) maxFile() int64 {
	if o.ImageFiles {
		return maxEntry
	}
	return intake.MaxSize
}

// withImageFiles returns the entry with the images in the content of its post replaced by references to files. Only
// images that the content displays or links to become files: a data: URL in a code block is part of the author's text.
// The images of a post that is not public yet stay in its content, because files are public.
func (o Options) withImageFiles(e Entry) Entry {
	if !o.ImageFiles || e.Post == nil || e.Exact || !bytes.Contains(e.Post.Raw, []byte(dataImage)) {
		return e
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(e.Post.Raw, &members) != nil || !o.isPublic(members) {
		return e
	}
	images := inlineImages{id: e.Post.ID}
	for _, content := range []struct {
		member string
		format markup.Format
	}{{"content_html", markup.HTML}, {"content_markdown", markup.Markdown}} {
		var text string
		if json.Unmarshal(members[content.member], &text) != nil {
			continue // there is no such member
		}
		if short, ok := images.extract(content.format, text); ok {
			members[content.member] = encodeContent(short)
		}
	}
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false)
	if len(images.files) == 0 || encoder.Encode(members) != nil {
		return e
	}
	e.Post = &feed.RawPost{ID: e.Post.ID, Raw: bytes.TrimSuffix(raw.Bytes(), []byte("\n"))}
	e.Files = images.files
	return e
}

// isPublic reports whether a post with the given members is public now.
func (o Options) isPublic(members map[string]json.RawMessage) bool {
	if status := jsonString(members["status"]); status != "" && status != string(feed.Published) {
		return false
	}
	published, ok := intake.ParseDate(jsonString(members["date_published"]))
	return !ok || !published.After(o.now())
}

// encodeContent returns s as a JSON string in which markup is not escaped.
func encodeContent(s string) json.RawMessage {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // encoding a string to a buffer cannot fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// inlineImages extracts the images in the content of a post.
type inlineImages struct {
	id    string // id of the post
	files []File
}

// extract returns the text with images replaced by the paths of files, which it adds to x. It returns false if no image
// was replaced. The work is limited: the text is parsed without the images, and not at all if it is still too large for
// a post.
func (x *inlineImages) extract(format markup.Format, text string) (string, bool) {
	type image struct {
		address string
		content []byte
	}
	images := map[string]image{} // by name
	short := replaceImages(text, func(address, kind, data string) string {
		name, content, ok := x.decode(kind, data)
		if !ok {
			return address
		}
		images[name] = image{address, content}
		return name
	})
	if len(images) == 0 || len(short) > intake.MaxSize {
		return "", false
	}
	tree, err := markup.Parse(format, short)
	if err != nil {
		return "", false
	}
	var names []string
	markup.MapReferences(tree, func(ref string) string {
		names = append(names, ref)
		return ref
	})
	shown := setOf(names...)
	for _, name := range imageName.FindAllString(markup.PlainText(tree), -1) {
		delete(shown, name) // the plain text contains it, too
	}
	added := map[string]bool{}
	short = imageName.ReplaceAllStringFunc(short, func(name string) string {
		i, ok := images[name]
		switch {
		case !ok:
		case !shown[name]:
			return i.address
		case !added[name]:
			added[name] = true
			x.files = append(x.files, File{Name: name, Content: i.content})
		}
		return name
	})
	return short, len(added) > 0
}

// decode returns the image in a data: URL of the given kind and the name of its file, or false if browsers do not show
// such images. The name depends on the post's id, so no other post refers to the file, and it can be removed with the
// post.
func (x *inlineImages) decode(kind, data string) (name string, content []byte, ok bool) {
	extension := imageExtensions[kind]
	if extension == "" {
		return "", nil, false
	}
	content, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(data, "="))
	if err != nil {
		return "", nil, false
	}
	return imageFile(x.id, content) + extension, content, true
}

// imageFile returns the path of an image of the post with the given id, without the extension.
func imageFile(id string, content []byte) string {
	sum := sha256.New()
	sum.Write([]byte(id + "\x00")) // writing to a hash cannot fail
	sum.Write(content)
	return imageFolder + "/" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// ImageFiles returns the distinct strings in a raw post that look like names of files created by [Options.ImageFiles],
// in order. Use [IsImageFile] to check whether a file with such a name was created for the post.
func ImageFiles(raw []byte) (names []string) {
	for _, name := range imageName.FindAll(raw, -1) {
		if !slices.Contains(names, string(name)) {
			names = append(names, string(name))
		}
	}
	return names
}

// IsImageFile reports whether a file with the given name and content was created by [Options.ImageFiles] for the post
// with the given id. No other post refers to such a file.
func IsImageFile(id, name string, content []byte) bool {
	return strings.TrimSuffix(name, path.Ext(name)) == imageFile(id, content)
}
