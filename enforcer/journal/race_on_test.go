//go:build race

package journal

// raceDetector: everything takes ten times as long, so exhaustive tests take samples.
const raceDetector = true
