package hosting

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/admin"
	"feedpub/feed/schedule"
)

// CheckSchedule returns an error if spec is not a schedule in the time zone.
func CheckSchedule(spec string, zone *time.Location) error {
	_, err := schedule.Parse(spec, zone)
	return err
}

// ChoiceError reports that a command needs one of several sites, but site.id does not name one.
type ChoiceError struct{ message string }

func (e *ChoiceError) Error() string { return e.message }

// ChooseSite returns the configuration of the site that a command works on: the only one, or the one that site.id
// names. If there are several sites and site.id does not name one of them, the error is a [*ChoiceError].
func ChooseSite(c config.Config) (config.Config, error) {
	if !c.Several() {
		return c, nil
	}
	id := c.Site.ID
	if s, ok := c.Sites[id]; ok {
		return c.ForSite(s), nil
	}
	if id != "" && c.SitesFrom != "" {
		path := filepath.Join(string(c.SitesFrom), string(id)+".yml")
		text, err := os.ReadFile(path)
		if err == nil {
			s, err := c.ParseSite(path, string(text), CheckSchedule)
			return c.ForSite(s), err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return c, fmt.Errorf("site %s: %w", id, err)
		}
	}
	sites, err := siteIDs(c)
	switch {
	case err != nil:
		return c, err
	case id == "":
		return c, &ChoiceError{"there are several sites; choose one with --site: " + sites}
	default:
		return c, &ChoiceError{fmt.Sprintf("there is no site %s; the sites are %s", id, sites)}
	}
}

// siteIDs returns the ids of all sites as a list for a message.
func siteIDs(c config.Config) (string, error) {
	sites, _, err := AllSites(c)
	if err != nil {
		return "", err
	}
	if len(sites) == 0 {
		return "none yet", nil
	}
	const most = 20
	var names []string
	for _, s := range sites[:min(len(sites), most)] {
		names = append(names, string(s.Site.ID))
	}
	list := strings.Join(names, ", ")
	if more := len(sites) - len(names); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list, nil
}

// AllSites returns the settings of all valid sites in the order of their ids, and a problem for each invalid
// site or token file and for each host that two sites claim. The running server decides which of them gets the host.
func AllSites(c config.Config) (sites []config.SiteSettings, problems []feed.Problem, err error) {
	files, err := readSiteFiles(c, nil)
	if err != nil {
		return nil, nil, err
	}
	origins := make(map[feed.SiteID]string)
	all := maps.Clone(c.Sites)
	if all == nil {
		all = make(map[feed.SiteID]config.SiteSettings)
	}
	for _, f := range files {
		if f.err != nil {
			problems = append(problems, fileProblem(f.path, f.err))
			continue
		}
		all[f.id], origins[f.id] = f.settings, f.path
	}
	owners := make(map[string]feed.SiteID)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		origin := cmp.Or(origins[id], siteKey(id))
		if _, err := readTokensFile(all[id].TokensFile); err != nil {
			problems = append(problems, fileProblem(origin, err))
		}
		for _, name := range all[id].Hostnames() {
			if other, twice := owners[name]; twice {
				problems = append(problems, fileProblem(origin, fmt.Errorf("the host %s also belongs to the site %s", name, other)))
			}
			owners[name] = id
		}
		sites = append(sites, all[id])
	}
	return sites, problems, nil
}

// siteKey returns the configuration key of a site in sites.
func siteKey(id feed.SiteID) string { return "sites." + string(id) }

// fileProblem returns the problem to report for the file or configuration key that contains a site's settings.
func fileProblem(origin string, err error) feed.Problem {
	return feed.Problem{ID: origin, Kind: feed.KindFile, Reason: OneLine(err)}
}

// siteFile is a file of sites_from.
type siteFile struct {
	id       feed.SiteID
	path     string
	text     string
	settings config.SiteSettings
	err      error // why there are no settings
}

// readSiteFiles reads the files of sites_from in the order of their names. It reads none if no folder is configured. A
// file whose text has not changed is not parsed again; before contains the files read previously, by path. It returns
// an error if the folder cannot be read.
func readSiteFiles(c config.Config, before map[string]siteFile) ([]siteFile, error) {
	if c.SitesFrom == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(string(c.SitesFrom))
	if err != nil {
		return nil, fmt.Errorf("sites_from: %w", err)
	}
	var files []siteFile
	for _, entry := range entries {
		f := siteFile{path: filepath.Join(string(c.SitesFrom), entry.Name())}
		var ok bool
		if f.id, ok, f.err = config.SiteOf(f.path); !ok {
			continue
		}
		if f.err == nil {
			f.read(c, before[f.path])
		}
		files = append(files, f)
	}
	return files, nil
}

// read reads and parses the file.
func (f *siteFile) read(c config.Config, before siteFile) {
	text, err := os.ReadFile(f.path)
	if err != nil {
		f.err = err
		return
	}
	if f.text = string(text); before.path != "" && before.text == f.text {
		f.settings, f.err = before.settings, before.err
		return
	}
	f.settings, f.err = c.ParseSite(f.path, f.text, CheckSchedule)
}

// ReadTokens returns the tokens of admin.tokens_file, which are valid for all sites, or none if that key is not set.
func ReadTokens(c config.Config) (admin.Tokens, error) {
	text, err := readTokensFile(c.Admin.TokensFile)
	if err != nil {
		return nil, fmt.Errorf("admin.%w", err)
	}
	return parseTokens(c.Admin.TokensFile, text)
}

// ReloadToken returns the secret of the first token of admin.tokens_file that has the permission [admin.Reload].
func ReloadToken(c config.Config) (string, error) {
	text, err := readTokensFile(c.Admin.TokensFile)
	if err != nil {
		return "", fmt.Errorf("admin.%w", err)
	}
	secret, ok := admin.SecretWith(text, admin.Reload)
	if !ok {
		return "", errors.New(`no token in admin.tokens_file has the permission "reload": add a line such as ` +
			`"operator [rebuild,reload]: SECRET", or send SIGHUP to the server`)
	}
	return secret, nil
}

// readTokensFile returns the text of a valid tokens_file, or "" if the key is not set.
func readTokensFile(path config.Path) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(string(path))
	if err != nil {
		return "", fmt.Errorf("tokens_file: %w", err)
	}
	_, err = parseTokens(path, string(text))
	return string(text), err
}

// parseTokens returns the tokens in the text of a file, and none if there is no file.
func parseTokens(path config.Path, text string) (admin.Tokens, error) {
	if path == "" {
		return nil, nil
	}
	tokens, err := admin.ParseTokens(text)
	if err != nil {
		return nil, fmt.Errorf("tokens_file %s: %w", path, err)
	}
	return tokens, nil
}
