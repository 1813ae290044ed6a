// CNCF Distribution without its outer parts: registry CONFIG serves the protocol in plain HTTP, with
// files as the only storage.
//
// `registry CONFIG purge AGE` does once what the registry does now and then: it deletes broken-off
// uploads of that age. By itself it begins up to an hour late, and tests cannot wait.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver/factory"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	purges := len(arguments) == 3 && arguments[1] == "purge"
	if len(arguments) != 1 && !purges {
		return errors.New("usage: registry CONFIG [purge AGE]")
	}
	file, err := os.Open(arguments[0])
	if err != nil {
		return err
	}
	defer file.Close()
	config, err := configuration.Parse(file)
	if err != nil {
		return err
	}
	if purges {
		return purge(config, arguments[2])
	}
	app := handlers.NewApp(context.Background(), config)
	return http.ListenAndServe(config.HTTP.Addr, app)
}

func purge(config *configuration.Configuration, age string) error {
	lasted, err := time.ParseDuration(age)
	if err != nil {
		return err
	}
	ctx, kind := context.Background(), config.Storage.Type()
	driver, err := factory.Create(ctx, kind, config.Storage.Parameters())
	if err != nil {
		return err
	}
	deleted, errs := storage.PurgeUploads(ctx, driver, time.Now().Add(-lasted), true)
	for _, one := range deleted {
		fmt.Println(one)
	}
	if len(errs) > 0 {
		return fmt.Errorf("%d uploads stay: %v", len(errs), errs)
	}
	return nil
}
