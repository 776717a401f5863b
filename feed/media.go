package feed

import (
	"path"
	"strings"
)

// MediaPath is the path below which the files beside posts are served.
const MediaPath = "/media/"

// mediaTypes maps the extensions of the files that are served beside posts to their media types. The types appear in
// documents, so they must not depend on the machine. Files with other extensions are not served: a folder may also
// contain configurations, keys and programs.
var mediaTypes = map[string]string{
	".avif": "image/avif", ".bmp": "image/bmp", ".gif": "image/gif", ".ico": "image/vnd.microsoft.icon",
	".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".jxl": "image/jxl", ".png": "image/png", ".svg": "image/svg+xml",
	".tif": "image/tiff", ".tiff": "image/tiff", ".webp": "image/webp",
	".aac": "audio/aac", ".flac": "audio/flac", ".m4a": "audio/mp4", ".m4b": "audio/mp4", ".mp3": "audio/mpeg",
	".oga": "audio/ogg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".wav": "audio/wav", ".weba": "audio/webm",
	".m4v": "video/mp4", ".mov": "video/quicktime", ".mp4": "video/mp4", ".ogv": "video/ogg", ".webm": "video/webm",
	".vtt": "text/vtt; charset=utf-8", ".srt": "application/x-subrip",
	".css": "text/css; charset=utf-8", ".csv": "text/csv; charset=utf-8", ".epub": "application/epub+zip",
	".gpx": "application/gpx+xml", ".gz": "application/gzip", ".ics": "text/calendar; charset=utf-8",
	".odp": "application/vnd.oasis.opendocument.presentation", ".ods": "application/vnd.oasis.opendocument.spreadsheet",
	".odt": "application/vnd.oasis.opendocument.text", ".pdf": "application/pdf",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".otf":  "font/otf", ".ttf": "font/ttf", ".woff": "font/woff", ".woff2": "font/woff2", ".zip": "application/zip",
}

// MediaType returns the media type of a file beside posts, by its extension. It returns "" for a file that is not
// served: its type is unknown, or it or its folder is hidden or [Transient]. The name is a slash-separated path.
func MediaType(name string) string {
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || Transient(segment) {
			return ""
		}
	}
	return mediaTypes[strings.ToLower(path.Ext(name))]
}
