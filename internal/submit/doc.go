// Package submit joins a program to a cluster: it uploads the program, opens a
// job with the master, and passes on what driver and master say to each other.
// The driver's only door is the wire to this process, which has the certificates.
package submit
