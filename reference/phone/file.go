package phone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is the path of a device file.
type File string

// Load reads the device.
func (f File) Load() (*Device, error) {
	data, err := os.ReadFile(string(f))
	if err != nil {
		return nil, fmt.Errorf("device file: %w", err)
	}
	return DecodeDevice(data)
}

// Create writes a device where no file is yet, so that a token is never overwritten.
func (f File) Create(d *Device) error {
	if _, err := os.Lstat(string(f)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("device file %s: %w", f, fs.ErrExist)
	}
	return f.Keep(d)
}

// Keep replaces the file as a whole, readable by its owner only: after a crash it
// holds the old counter or the new one.
func (f File) Keep(d *Device) error {
	data, err := d.Encode()
	if err != nil {
		return err
	}
	dir := filepath.Dir(string(f))
	t, err := os.CreateTemp(dir, ".device-*")
	if err != nil {
		return fmt.Errorf("device file: %w", err)
	}
	defer os.Remove(t.Name())
	_, err = t.Write(data)
	if err := errors.Join(err, t.Sync(), t.Close()); err != nil {
		return fmt.Errorf("device file: %w", err)
	}
	if err := os.Rename(t.Name(), string(f)); err != nil {
		return fmt.Errorf("device file: %w", err)
	}
	return syncDir(dir)
}

// syncDir makes a rename durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("device file: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
