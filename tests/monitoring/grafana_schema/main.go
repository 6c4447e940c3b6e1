// Command grafana_schema reads a dashboard by the types that Grafana makes of its own schema. It prints what they do
// not know, a line each, and nothing for a dashboard that is as it should be.
//
//	grafana_schema <dashboard.json
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var read dashboard.Dashboard
	report(read.UnmarshalJSONStrict(text))
	report(read.Validate())
}

// report prints errors. A list of them that is empty is none.
func report(err error) {
	var several cog.BuildErrors
	if errors.As(err, &several) {
		for _, each := range several {
			fmt.Println(each)
		}
	} else if err != nil {
		fmt.Println(err)
	}
}
