// Runs a Lua script as Argo CD does: argolua SCRIPT [PARAMETER=VALUE]... < object.json
// prints what the script returns, as JSON.
//
// The interpreter and the conversion to and from JSON are the modules that Argo CD uses. A script
// has a second, the globals obj and actionParams, and of the libraries package, base and table: what
// else Argo CD lends (a part of os; all of them where an administrator says so) ours do not need.
// Source: Argo CD v3.5, util/lua, "VM".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	luajson "layeh.com/gopher-json"
)

const timeout = time.Second

func main() {
	if len(os.Args) < 2 {
		fail(errors.New("usage: argolua SCRIPT [PARAMETER=VALUE]... < object.json"))
	}
	object, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	answer, err := run(os.Args[1], os.Args[2:], object)
	if err != nil {
		fail(err)
	}
	fmt.Printf("%s\n", answer)
}

func run(script string, parameters []string, object []byte) ([]byte, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	lua.OpenPackage(state)
	lua.OpenBase(state)
	lua.OpenTable(state)
	state.SetTop(0) // what opening a library leaves there is no answer of the script's
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	state.SetContext(ctx)
	value, err := luajson.Decode(state, object)
	if err != nil {
		return nil, err
	}
	state.SetGlobal("obj", value)
	state.SetGlobal("actionParams", tableOf(state, parameters))
	if err := state.DoFile(script); err != nil {
		return nil, err
	}
	returned := state.Get(-1)
	if returned.Type() != lua.LTTable {
		return nil, fmt.Errorf("%s returned %s, not a table", script, returned.Type())
	}
	return luajson.Encode(returned)
}

func tableOf(state *lua.LState, parameters []string) *lua.LTable {
	table := state.NewTable()
	for _, parameter := range parameters {
		name, value, _ := strings.Cut(parameter, "=")
		table.RawSetString(name, lua.LString(value))
	}
	return table
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
