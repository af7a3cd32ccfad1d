package fault_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/epsbench/epsbench/emulator/layer/fault"
)

func TestARuleInWords(t *testing.T) {
	sign := []string{"C_Sign"}
	for want, when := range map[string]fault.Trigger{
		"each call":                                                          {},
		"each call of C_Sign with CKM_A or 0x2":                              {Function: sign, Mechanism: []fault.Number{"CKM_A", "0x2"}},
		"the 3rd call of C_Sign or C_Digest":                                 {Function: []string{"C_Sign", "C_Digest"}, Nth: 3},
		"every 2nd call of C_Sign, once at most":                             {Function: sign, Every: 2, Times: 1},
		"the first call of C_Sign":                                           {Function: sign, Times: 1},
		"each of the first 6 calls of C_Sign":                                {Function: sign, Times: 6},
		"each call of C_Sign, each with a chance of 12.5 %, 4 times at most": {Function: sign, Chance: 0.125, Times: 4},
		"each call that comes after 1h without one, once \"x\" has struck":   {Idle: time.Hour, After: "x"},
		"the 11th call of C_Sign, until C_Finalize is called":                {Function: sign, Nth: 11, Until: "C_Finalize"},
	} {
		if got := when.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for want, then := range map[string]fault.Effect{
		"its session ends before it, it returns CKR_DEVICE_ERROR":                    {Close: "session", Return: "CKR_DEVICE_ERROR"},
		"it does not come back for 5m, it returns 0x80000384":                        {Hang: 5 * time.Minute, Return: "0x80000384"},
		"it is done, and all the same returns CKR_DEVICE_ERROR":                      {Done: true, Return: "CKR_DEVICE_ERROR"},
		"it is late by 30ms, the login ends before it":                               {Delay: 30 * time.Millisecond, Logout: true},
		"all sessions of its slot end before it":                                     {Close: "sessions"},
		"its output is that of the last such call":                                   {Repeat: true},
		"it is done with the key of an earlier call, one bit of its output is wrong": {AnotherHandle: true, FlipBit: true},
	} {
		if got := then.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Nothing that a rule can hold is left out of its words.
func TestEachFieldIsInTheWords(t *testing.T) {
	values := map[reflect.Kind]any{reflect.Int: 7, reflect.Float64: 0.5, reflect.Bool: true, reflect.Int64: time.Minute}
	for _, of := range []reflect.Type{reflect.TypeFor[fault.Trigger](), reflect.TypeFor[fault.Effect]()} {
		for i := range of.NumField() {
			v := reflect.New(of).Elem()
			v.FieldByName(map[bool]string{true: "Return", false: "Until"}[of.Name() == "Effect"]).SetString("X")
			before := v.Interface().(interface{ String() string }).String()
			switch f := v.Field(i); f.Kind() {
			case reflect.Slice:
				f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			case reflect.String:
				f.SetString("session")
			default:
				f.Set(reflect.ValueOf(values[f.Kind()]).Convert(f.Type()))
			}
			if after := v.Interface().(interface{ String() string }).String(); after == before {
				t.Errorf("%s.%s changes nothing in %q", of.Name(), of.Field(i).Name, before)
			}
		}
	}
}
