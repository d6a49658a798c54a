using JitGrains.Bench;

// Servers that a bench measures are processes of their own; the bench starts them by these names.
return args switch
{
    ["upstream", var port] => await Servers.UpstreamAsync(int.Parse(port)),
    ["yarp", var port, var upstream] => await Servers.YarpAsync(int.Parse(port), upstream),
    ["holder", var port] => await Servers.HolderAsync(int.Parse(port)),
    ["baseline"] => await Baseline.RunAsync(TimeSpan.FromSeconds(5), rounds: 3),
    ["overload"] => await Overload.RunAsync(TimeSpan.FromSeconds(5), rounds: 3),
    ["soak", .. var rest] => await Soak.RunAsync(TimeSpan.FromMinutes(rest is ["--minutes", var minutes] ? int.Parse(minutes) : 30)),
    ["gateway", "--few", .. var rest] => await GatewayBench.RunAsync(TimeSpan.FromSeconds(3), rounds: 3, rest),
    ["gateway", .. var rest] => await GatewayBench.RunAsync(TimeSpan.FromSeconds(3), rounds: 5, rest),
    ["decision", .. var rest] => await DecisionBench.RunAsync(rest.Length > 0 ? int.Parse(rest[0]) : 1_000_000),
    ["tokens"] => await TokensBench.RunAsync(),
    ["start", .. var programs] => await StartBench.StartAsync(programs),
    ["reload"] => await StartBench.ReloadAsync(TimeSpan.FromSeconds(6), rounds: 5),
    ["held", .. var rest] => await Held.RunAsync(rest.Length > 0 ? int.Parse(rest[0]) : 10_000),
    ["postgres", .. var rest] => await PostgresBench.RunAsync([.. rest.Select(int.Parse)]),
    ["cluster"] => await ClusterBench.RunAsync(),
    ["cluster", "idle" or "uses" or "votes" or "allowed"] => await ClusterBench.RunAsync(args[1]),
    ["cluster", "revocations", var gateways] => await ClusterBench.RunAsync(args[1], int.Parse(gateways)),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: ./bench baseline | ./bench gateway [--few] [ROW...] | ./bench decision [GRANTS] | ./bench tokens | ./bench start | ./bench reload | ./bench overload | ./bench soak [--minutes N] | ./bench held [CALLERS] | ./bench postgres [CLIENTS...] | ./bench cluster [idle|votes|revocations GATEWAYS|uses|allowed]");
    return 2;
}
