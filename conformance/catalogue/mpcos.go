package catalogue

import "github.com/epsbench/epsbench/conformance"

// mpcos is a report of 1998 on access to a database by an MPCOS smart card (seed 003).
var mpcos = []conformance.Claim{
	{ID: "MPCOS-1", Source: "seed 003 p. 11", Target: card, Family: "mpcos", Status: later,
		Title: "The secret key stored on the card cannot leave it.", Method: "The key is searched in a trace of all card commands."},
	{ID: "MPCOS-2", Source: "seed 003 p. 15", Target: card, Family: "mpcos", Status: later,
		Title: "The card has an ISO 7816-4 tree of two levels with up to 63 files.", Method: "The limits of creation."},
	{ID: "MPCOS-3", Source: "seed 003 p. 15", Target: card, Family: "mpcos", Status: later,
		Title: "A directory has at most one file of secret codes, with up to 8 codes, 0 to 7.", Method: "The limits; code 8 is refused."},
	{ID: "MPCOS-4", Source: "seed 003 p. 15", Target: card, Family: "mpcos", Status: later,
		Title: "Access conditions in two bytes guard each file.", Method: "The matrix of read, write and update by submitted codes."},
	{ID: "MPCOS-5", Source: "seed 003 p. 15-16", Target: card, Family: "mpcos", Status: later,
		Title: "Two authorisation registers of 8 bits in RAM belong to the MF and to the selected DF.", Method: "They are cleared at reset and at a change of DF, and nothing carries over."},
	{ID: "MPCOS-6", Source: "seed 003 p. 16", Target: card, Family: "mpcos", Status: later,
		Title: "A session key enables secure messaging.", Method: "With and without it; replayed commands are refused."},
	{ID: "MPCOS-7", Source: "seed 003 p. 20-21", Target: card, Family: "mpcos", Status: later,
		Title: "The PC authenticates the card by a random number and a cryptogram.", Method: "A fixed random number and a replayed cryptogram are refused. The card alone is authenticated: the text does not support \"mutual\"."},
	{ID: "MPCOS-8", Source: "seed 003 p. 21", Target: card, Family: "mpcos", Status: later,
		Title: "The profile is read only after a valid user code.", Method: "The matrix of codes and files."},
	{ID: "MPCOS-9", Source: "seed 003 p. 21", Target: card, Family: "mpcos", Status: later,
		Title: "Any failure ends the run with a code that is shown to the user.", Method: "No card, mute card, wrong and blocked code, lost socket: each a message of its own, no hang, no secret."},
	{ID: "MPCOS-10", Source: "seed 003 p. 13, 19", Target: card, Family: "mpcos", Status: later,
		Title: "ACK and NAK go from the C program through the Java program to the CGI.", Method: "A model of states."},
	{ID: "MPCOS-11", Source: "seed 003 p. 21", Target: card, Family: "mpcos", Status: later,
		Title: "The profile becomes the database login of a group.", Method: "A forged profile on the socket, and the privileges it gives."},
	{ID: "MPCOS-12", Source: "seed 003 p. 21", Target: card, Family: "mpcos", Status: later,
		Title: "No password travels on the network.", Method: "Searched in a capture of the network, and in the process's arguments, where the PIN is passed."},
	{ID: "MPCOS-13", Source: "seed 003 p. 21", Target: card, Family: "mpcos", Status: later,
		Title: "Session, channel and socket are closed at the end.", Method: "A census of descriptors and sessions after each way out."},
	{ID: "MPCOS-14", Source: "seed 003 p. 18", Target: card, Family: "mpcos", Status: later,
		Title: "The CGI finds its client by the last address in Trace.log.", Method: "Two clients at once: a confusion attack."},
}
