package source

// Sidecar knows where in the files a policy's parts stand. The compiled form
// does not have it: it is for people who read the files. A nil one knows nothing.
type Sidecar struct {
	functions map[string]Pos
	groups    map[string]Pos
	reviewed  map[string]Pos
	marks     map[string]map[string]Pos
	limits    map[string]map[string]Pos
	registers map[string]Pos
}

func newSidecar() *Sidecar {
	return &Sidecar{
		functions: map[string]Pos{}, groups: map[string]Pos{}, reviewed: map[string]Pos{}, marks: map[string]map[string]Pos{},
		limits: map[string]map[string]Pos{}, registers: map[string]Pos{},
	}
}

// Function tells where a function is defined.
func (s *Sidecar) Function(key string) (Pos, bool) { return at(s.known().functions, key) }

// WorkGroup tells where a work group is defined.
func (s *Sidecar) WorkGroup(name string) (Pos, bool) { return at(s.known().groups, name) }

// Reviewed tells where a work group says which catalogue it was reviewed against.
func (s *Sidecar) Reviewed(name string) (Pos, bool) { return at(s.known().reviewed, name) }

// Mark tells where a work group marks a function. What is blank has no place.
func (s *Sidecar) Mark(group, key string) (Pos, bool) { return at(s.known().marks[group], key) }

// Limit tells where a work group limits a function.
func (s *Sidecar) Limit(group, key string) (Pos, bool) { return at(s.known().limits[group], key) }

// RegisterGroup tells where a register group is defined.
func (s *Sidecar) RegisterGroup(name string) (Pos, bool) { return at(s.known().registers, name) }

func (s *Sidecar) known() *Sidecar {
	if s == nil {
		return &Sidecar{}
	}
	return s
}

func at(m map[string]Pos, name string) (Pos, bool) {
	p, ok := m[name]
	return p, ok
}
