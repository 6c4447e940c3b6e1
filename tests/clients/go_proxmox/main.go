// Command go_proxmox asks a virtual machine's guest agent by go-proxmox, a client of Proxmox VE's API.
//
//	go_proxmox URL TOKEN SECRET NODE VMID
//
// Each line of the standard input is a JSON array: the name of a method and its arguments, as texts. For each comes
// a line with what the method returns as its `value`, or why it failed as its `error`.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	proxmox "github.com/luthermonson/go-proxmox"
)

// method calls one of the client's own methods.
type method func(ctx context.Context, vm *proxmox.VirtualMachine, args []string) (any, error)

// answer is what a line says.
type answer struct {
	Value any    `json:"value"`
	Error string `json:"error,omitempty"`
}

// reading is a method that takes nothing and returns something.
func reading[T any](call func(*proxmox.VirtualMachine, context.Context) (T, error)) method {
	return func(ctx context.Context, vm *proxmox.VirtualMachine, _ []string) (any, error) {
		return call(vm, ctx)
	}
}

// doing is a method that takes nothing and only fails or not.
func doing(call func(*proxmox.VirtualMachine, context.Context) error) method {
	return func(ctx context.Context, vm *proxmox.VirtualMachine, _ []string) (any, error) {
		return nil, call(vm, ctx)
	}
}

var methods = map[string]method{
	"AgentCommandIndex":       reading((*proxmox.VirtualMachine).AgentCommandIndex),
	"AgentFsfreezeFreeze":     reading((*proxmox.VirtualMachine).AgentFsfreezeFreeze),
	"AgentFsfreezeStatus":     reading((*proxmox.VirtualMachine).AgentFsfreezeStatus),
	"AgentFsfreezeThaw":       reading((*proxmox.VirtualMachine).AgentFsfreezeThaw),
	"AgentFstrim":             reading((*proxmox.VirtualMachine).AgentFstrim),
	"AgentGetFsInfo":          reading((*proxmox.VirtualMachine).AgentGetFsInfo),
	"AgentGetHostName":        reading((*proxmox.VirtualMachine).AgentGetHostName),
	"AgentGetInfo":            reading((*proxmox.VirtualMachine).AgentGetInfo),
	"AgentGetMemoryBlockInfo": reading((*proxmox.VirtualMachine).AgentGetMemoryBlockInfo),
	"AgentGetMemoryBlocks":    reading((*proxmox.VirtualMachine).AgentGetMemoryBlocks),
	"AgentGetNetworkIFaces":   reading((*proxmox.VirtualMachine).AgentGetNetworkIFaces),
	"AgentGetTime":            reading((*proxmox.VirtualMachine).AgentGetTime),
	"AgentGetTimezone":        reading((*proxmox.VirtualMachine).AgentGetTimezone),
	"AgentGetUsers":           reading((*proxmox.VirtualMachine).AgentGetUsers),
	"AgentGetVCPUs":           reading((*proxmox.VirtualMachine).AgentGetVCPUs),
	"AgentOsInfo":             reading((*proxmox.VirtualMachine).AgentOsInfo),
	"AgentPing":               doing((*proxmox.VirtualMachine).AgentPing),
	"AgentShutdown":           doing((*proxmox.VirtualMachine).AgentShutdown),
	"AgentSuspendRAM":         doing((*proxmox.VirtualMachine).AgentSuspendRAM),
	// The name of a command of the agent, without `guest-`.
	"AgentCommand": func(ctx context.Context, vm *proxmox.VirtualMachine, args []string) (any, error) {
		return vm.AgentCommand(ctx, args[0])
	},
	// The program's input, the program, and its arguments.
	"AgentExec": func(ctx context.Context, vm *proxmox.VirtualMachine, args []string) (any, error) {
		return vm.AgentExec(ctx, args[1:], args[0])
	},
	// A process id.
	"AgentExecStatus": func(ctx context.Context, vm *proxmox.VirtualMachine, args []string) (any, error) {
		pid, err := strconv.Atoi(args[0])
		if err != nil {
			return nil, err
		}
		return vm.AgentExecStatus(ctx, pid)
	},
	// A process id, and for how many seconds to wait.
	"WaitForAgentExecExit": func(ctx context.Context, vm *proxmox.VirtualMachine, args []string) (any, error) {
		pid, err := strconv.Atoi(args[0])
		if err != nil {
			return nil, err
		}
		seconds, err := strconv.Atoi(args[1])
		if err != nil {
			return nil, err
		}
		return vm.WaitForAgentExecExit(ctx, pid, seconds)
	},
	// A path.
	"AgentFileRead": func(ctx context.Context, vm *proxmox.VirtualMachine, args []string) (any, error) {
		return vm.AgentFileRead(ctx, args[0])
	},
	// A path and what the file shall hold.
	"AgentFileWrite": func(ctx context.Context, vm *proxmox.VirtualMachine, args []string) (any, error) {
		return nil, vm.AgentFileWrite(ctx, args[0], []byte(args[1]))
	},
	// A user and a password.
	"AgentSetUserPassword": func(ctx context.Context, vm *proxmox.VirtualMachine, args []string) (any, error) {
		return nil, vm.AgentSetUserPassword(ctx, args[1], args[0])
	},
	// For how many seconds to wait.
	"WaitForAgent": func(ctx context.Context, vm *proxmox.VirtualMachine, args []string) (any, error) {
		seconds, err := strconv.Atoi(args[0])
		if err != nil {
			return nil, err
		}
		return nil, vm.WaitForAgent(ctx, seconds)
	},
}

// call runs the method that a line names.
func call(ctx context.Context, vm *proxmox.VirtualMachine, line []byte) answer {
	var words []string
	if err := json.Unmarshal(line, &words); err != nil || len(words) == 0 {
		return answer{Error: fmt.Sprintf("no array of texts: %s", line)}
	}
	run, known := methods[words[0]]
	if !known {
		return answer{Error: fmt.Sprintf("unknown method %s", words[0])}
	}
	value, err := run(ctx, vm, words[1:])
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Value: value}
}

func run(ctx context.Context, url, token, secret, nodeName, id string) error {
	vmid, err := strconv.Atoi(id)
	if err != nil {
		return err
	}
	client := proxmox.NewClient(url, proxmox.WithAPIToken(token, secret), proxmox.WithTimeout(20*time.Second))
	node, err := client.Node(ctx, nodeName)
	if err != nil {
		return fmt.Errorf("node %s: %w", nodeName, err)
	}
	vm, err := node.VirtualMachine(ctx, vmid)
	if err != nil {
		return fmt.Errorf("virtual machine %d: %w", vmid, err)
	}
	answers := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := answers.Encode(call(ctx, vm, lines.Bytes())); err != nil {
			return err
		}
	}
	return lines.Err()
}

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: go_proxmox URL TOKEN SECRET NODE VMID")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
