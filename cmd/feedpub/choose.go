package main

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
	"feedpub/feed/schedule"
)

// checkSchedule returns an error if spec is no schedule in the time zone.
func checkSchedule(spec string, zone *time.Location) error {
	_, err := schedule.Parse(spec, zone)
	return err
}

// chooseSite returns the configuration of the one site that a command works on: the only one, or that of --site.
func chooseSite(c config.Config) (config.Config, error) {
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
			s, err := c.ParseSite(path, string(text), checkSchedule)
			return c.ForSite(s), err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return c, fmt.Errorf("the site %s: %w", id, err)
		}
	}
	sites, err := siteIDs(c)
	switch {
	case err != nil:
		return c, err
	case id == "":
		return c, usageError{fmt.Errorf("there are several sites; choose one with --site: %s", sites)}
	default:
		return c, usageError{fmt.Errorf("there is no site %s; there are %s", id, sites)}
	}
}

// siteIDs returns the ids of all sites as a person is told them.
func siteIDs(c config.Config) (string, error) {
	sites, _, err := allSites(c)
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

// allSites returns the settings of all sites that can be read, in the order of their ids, and what is wrong with others
// with files of tokens and with sites that share a host: which of them has it is for a running server to say.
func allSites(c config.Config) (sites []config.SiteSettings, wrong []feed.Problem, err error) {
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
			wrong = append(wrong, feed.Problem{ID: f.path, Kind: feed.KindFile, Reason: oneLine(f.err)})
			continue
		}
		all[f.id], origins[f.id] = f.settings, f.path
	}
	owners := make(map[string]feed.SiteID)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if _, err := readTokensText(all[id].TokensFile); err != nil {
			wrong = append(wrong, feed.Problem{ID: cmp.Or(origins[id], "sites."+string(id)), Kind: feed.KindFile, Reason: oneLine(err)})
		}
		for _, name := range all[id].Hostnames() {
			if other, twice := owners[name]; twice {
				wrong = append(wrong, feed.Problem{ID: cmp.Or(origins[id], "sites."+string(id)), Kind: feed.KindFile,
					Reason: fmt.Sprintf("the host %s is that of the site %s too", name, other)})
			}
			owners[name] = id
		}
		sites = append(sites, all[id])
	}
	return sites, wrong, nil
}

// siteFile is a file of sites_from as it was read.
type siteFile struct {
	id       feed.SiteID
	path     string
	text     string
	settings config.SiteSettings
	err      error // what is wrong with it
}

// readSiteFiles reads the files of sites_from, in the order of their names; none if no folder is configured. A file that
// reads as it did before is not parsed anew. The error says that the folder could not be read.
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
	f.settings, f.err = c.ParseSite(f.path, f.text, checkSchedule)
}
