// Package kubernetes contains plain manifests for Kubernetes. Its only code is their test, in a module of its own to
// keep the types of the Kubernetes API out of the program's dependencies.
package kubernetes

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// manifest decodes one object, strictly: unknown and duplicate fields are errors.
func manifest(t *testing.T, text []byte) any {
	t.Helper()
	var kind struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(text, &kind); err != nil {
		t.Fatal(err)
	}
	types := map[string]any{
		"v1 ConfigMap":                  new(corev1.ConfigMap),
		"v1 Service":                    new(corev1.Service),
		"apps/v1 Deployment":            new(appsv1.Deployment),
		"apps/v1 StatefulSet":           new(appsv1.StatefulSet),
		"policy/v1 PodDisruptionBudget": new(policyv1.PodDisruptionBudget),
		"networking.k8s.io/v1 Ingress":  new(networkingv1.Ingress),
	}
	object, ok := types[kind.APIVersion+" "+kind.Kind]
	if !ok {
		t.Fatalf("unknown kind %s %s", kind.APIVersion, kind.Kind)
	}
	if err := yaml.UnmarshalStrict(text, object); err != nil {
		t.Fatalf("%s %s: %v", kind.APIVersion, kind.Kind, err)
	}
	return object
}

// TestManifests decodes the manifests with the types of the API, and checks what the types do not: that selectors
// select the pods, that pods are restricted, and that the program accepts the configuration and its arguments.
func TestManifests(t *testing.T) {
	text, err := os.ReadFile("feedpub.yaml")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "feedpub")
	build := exec.Command("go", "build", "-o", program, "./cmd/feedpub")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	pods := map[string]corev1.PodTemplateSpec{} // by component
	budgets, services := map[string]bool{}, map[string]int{}
	for _, part := range bytes.Split(text, []byte("\n---\n")) {
		switch o := manifest(t, part).(type) {
		case *corev1.ConfigMap:
			checkConfig(t, program, o.Data["feedpub.yml"])
		case *appsv1.Deployment:
			pods[o.Spec.Selector.MatchLabels["app.kubernetes.io/component"]] = o.Spec.Template
		case *appsv1.StatefulSet:
			pods[o.Spec.Selector.MatchLabels["app.kubernetes.io/component"]] = o.Spec.Template
		case *policyv1.PodDisruptionBudget:
			budgets[o.Spec.Selector.MatchLabels["app.kubernetes.io/component"]] = true
		case *corev1.Service:
			services[o.Spec.Selector["app.kubernetes.io/component"]]++
		}
	}
	for _, component := range []string{"builder", "server"} {
		pod, ok := pods[component]
		if !ok || pod.Labels["app.kubernetes.io/component"] != component || !budgets[component] {
			t.Fatalf("no pods or no PodDisruptionBudget for the %s", component)
		}
		checkPod(t, program, component, pod.Spec)
	}
	if services["server"] != 2 {
		t.Errorf("%d services select the servers, want one for readers and one for operators", services["server"])
	}
}

// checkPod checks that a pod is restricted, has probes, and runs a command that the program has.
func checkPod(t *testing.T, program, component string, pod corev1.PodSpec) {
	t.Helper()
	c := pod.Containers[0]
	if s := pod.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot {
		t.Errorf("the %s may run as root", component)
	}
	if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
		s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation {
		t.Errorf("the %s is not restricted", component)
	}
	if c.LivenessProbe == nil || component == "server" && c.ReadinessProbe == nil {
		t.Errorf("the %s has no probes", component)
	}
	if strings.HasSuffix(c.Image, ":latest") || !strings.Contains(c.Image, ":") {
		t.Errorf("the image %s is not pinned", c.Image)
	}
	help, err := exec.Command(program, c.Args[0], "--help").Output()
	if err != nil {
		t.Fatalf("feedpub %s --help: %v", c.Args[0], err)
	}
	for _, arg := range c.Args[1:] {
		if flag, _, _ := strings.Cut(arg, "="); strings.HasPrefix(flag, "--") && !bytes.Contains(help, []byte(flag)) {
			t.Errorf("the command %s of the %s has no flag %s", c.Args[0], component, flag)
		}
	}
}

// checkConfig checks that the program accepts the configuration, with the path of the tokens file replaced.
func checkConfig(t *testing.T, program, text string) {
	t.Helper()
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens")
	text = strings.ReplaceAll(text, "/run/secrets/feedpub/tokens", tokens)
	for path, content := range map[string]string{
		tokens: "admin [write,rebuild]: secret\n", filepath.Join(dir, "feedpub.yml"): text,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	posts := filepath.Join(dir, "posts")
	if err := os.Mkdir(posts, 0o700); err != nil {
		t.Fatal(err)
	}
	check := exec.Command(program, "check", "--config", filepath.Join(dir, "feedpub.yml"), "--dir", posts)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("feedpub check: %v\n%s\n%s", err, out, text)
	}
}
