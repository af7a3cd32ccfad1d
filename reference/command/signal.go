package command

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// UntilSignalled gives a context that ends with the first SIGINT or SIGTERM, which a
// server takes as a wish to stop. The second ends the process at once, with the exit
// code that a shell gives for it. That is done here, not left to the kernel, which
// spares process 1 of a container.
func UntilSignalled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		second := <-signals
		os.Exit(128 + int(second.(syscall.Signal)))
	}()
	return ctx
}
