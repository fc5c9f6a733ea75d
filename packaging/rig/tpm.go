package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// startTPM starts a simulated TPM, of swtpm(8), whose state is in a folder, which is
// made where there is none. It answers at a socket, and ends when qemu lets go of that.
func startTPM(state, socket string) error {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	swtpm, err := program("swtpm")
	if err != nil {
		return err
	}
	log := filepath.Join(state, "swtpm.log")
	cmd := exec.Command(swtpm, "socket", "--tpm2", "--tpmstate", "dir="+state, "--ctrl", "type=unixio,path="+socket, "--log", "file="+log, "--terminate")
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting a TPM: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			return nil
		}
		select {
		case err := <-ended:
			said, _ := os.ReadFile(log)
			return fmt.Errorf("the TPM ended: %w\n%s", err, said)
		default:
		}
		if time.Now().After(end) {
			return errors.Join(errors.New("the TPM does not listen"), cmd.Process.Kill())
		}
	}
}
