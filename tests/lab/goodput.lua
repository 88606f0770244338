-- How fast one transfer goes over a bad wire, a cell of the golden table and a seed a phase (goodput_test.py puts `cells`
-- before this text).  Losses, reorderings and the queue are the rule's: the same numbers for both worlds.
experiment{settle = 0.05, limit = 3000}

local function dice(seed)
	local state = seed
	return function()
		state = state + 0x9e3779b97f4a7c15
		local z = state
		z = (z ~ (z >> 30)) * 0xbf58476d1ce4e5b9
		z = (z ~ (z >> 27)) * 0x94d049bb133111eb
		return ((z ~ (z >> 31)) >> 11) / (1 << 53)
	end
end

-- A queue of so many seconds before the rate, its tail dropped.
local function queue_of(cell)
	local free_at = 0
	return function(p)
		if not cell.queue then return false end
		local bits = #p.raw * 8
		if free_at - p.t > cell.queue then return true end
		free_at = math.max(free_at, p.t) + bits / cell.rate
		return false
	end
end

local function faults(cell, seed)
	local there, back, full = dice(seed * 2), dice(seed * 2 + 1), queue_of(cell)
	return function(p)
		if p.way == 'b>a' then
			if cell.ack_loss and back() < cell.ack_loss then return 'drop' end
			return nil
		end
		if p.len == 0 then return nil end
		if there() < (cell.loss or 0) or full(p) then return 'drop' end
		if cell.reorder and there() < cell.reorder then return cell.late end
		if cell.duplicate and there() < cell.duplicate then return {0, 0} end
	end
end

local function transfer(c, s, bytes)
	local data = ('0123456789abcdef'):rep(4096)
	local began, got = now(), 0
	spawn(function()
		local n = 0
		while n < bytes do n = n + c:send(data:sub(1, math.min(#data, bytes - n)), 900) end
		c:shutdown('w')
	end)
	while true do
		local d = s:recv(65536, 900)
		if #d == 0 then break end
		got = got + #d
	end
	expect(got == bytes, '%d of %d bytes', got, bytes)
	return got * 8 / (now() - began)
end

for _, cell in ipairs(cells) do
	for _, h in ipairs{A, B} do
		h:sysctl('net.ipv4.tcp_no_metrics_save', 1)
		h:sysctl('net.ipv4.tcp_sack', cell.sack or 1)
		h:sysctl('net.ipv4.tcp_timestamps', cell.timestamps or 1)
	end
	wire.set{delay = cell.rtt / 2, rate = cell.rate}
	for seed = cell.first_seed, cell.last_seed do
		local l, c, s = pair()
		if cell.congestion then c:set('TCP_CONGESTION', cell.congestion) end
		phase(('%s %d'):format(cell.name, seed), function(o)
			wire.rule(faults(cell, seed))
			o['bits per second'] = transfer(c, s, cell.bytes)
			wire.rule(nil)
		end)
		c:close(); s:close(); l:close()
		sleep(2 * cell.rtt)
	end
end
