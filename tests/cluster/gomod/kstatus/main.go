// Command kstatus reads a JSON list of Kubernetes objects and writes what kstatus, the library by which Flux,
// kpt and others tell how an object stands, makes of each. Tests ask it; nothing that is installed has it.
package main

import (
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json" // whole numbers stay whole, as unstructured objects want them
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	if err := answer(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var objects []map[string]any
	if err := json.Unmarshal(text, &objects); err != nil {
		return err
	}
	read := make([]map[string]string, 0, len(objects))
	for _, object := range objects {
		result, err := status.Compute(&unstructured.Unstructured{Object: object})
		if err != nil {
			return err
		}
		read = append(read, map[string]string{"status": result.Status.String(), "message": result.Message})
	}
	written, err := json.Marshal(read)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(written)
	return err
}
