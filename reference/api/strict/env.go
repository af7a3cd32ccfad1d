package strict

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Env overrides fields of v from environ ("NAME=value"): the field hsm.pin_file
// from the variable PREFIX_HSM_PIN_FILE. A variable with the prefix that names no
// field is an error, unless it is among except: a misspelt override must not pass
// in silence. Values are never quoted.
func Env(prefix string, environ []string, v any, except ...string) error {
	fields := map[string]reflect.Value{}
	collect(prefix, reflect.ValueOf(v).Elem(), fields)
	var all []string
	for name := range fields {
		all = append(all, name)
	}
	slices.Sort(all)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix+"_") || slices.Contains(except, name) {
			continue
		}
		field, known := fields[name]
		if !known {
			return fmt.Errorf("environment variable %s overrides nothing%s", name, suggestion(name, all))
		}
		if err := set(field, value); err != nil {
			return fmt.Errorf("environment variable %s: not a %s", name, field.Type())
		}
	}
	return nil
}

// collect lists the scalar fields of v by the names of their variables.
func collect(prefix string, v reflect.Value, into map[string]reflect.Value) {
	for i := range v.NumField() {
		if nameOf(v.Type().Field(i)) == "" {
			continue
		}
		name := prefix + "_" + strings.ToUpper(nameOf(v.Type().Field(i)))
		switch f := v.Field(i); f.Kind() {
		case reflect.Struct:
			collect(name, f, into)
		case reflect.Slice, reflect.Map:
		default:
			into[name] = f
		}
	}
}

func set(field reflect.Value, value string) error {
	if field.Kind() == reflect.String {
		field.SetString(value)
		return nil
	}
	return yaml.Unmarshal([]byte(value), field.Addr().Interface())
}
