using JitGrains.Assertions;
using JitGrains.Policy.Matching;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>Reads how calls are spread over upstreams, and which of them get any.</summary>
internal static class UpstreamBinder
{
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);

    /// <summary>A breaker that closed while the failures still count would open at the next call.</summary>
    private static readonly TimeSpan LeastOpen = TimeSpan.FromSeconds(10);

    public static LoadBalancing LoadBalancing(Cursor at) => at.Word("round_robin", "least_requests", "random", "first") switch
    {
        "least_requests" => Policy.LoadBalancing.LeastRequests,
        "random" => Policy.LoadBalancing.Random,
        "first" => Policy.LoadBalancing.First,
        _ => Policy.LoadBalancing.RoundRobin,
    };

    public static HealthCheckDefinition? HealthCheck(Cursor at) => at.Shape(UpstreamShapes.HealthCheck) is not { } keys || keys["path"] is not { } path ? null : new HealthCheckDefinition
    {
        Path = ProbePath(path) ?? "/",
        Interval = keys["interval"]?.Duration(Least, TimeSpan.FromDays(1)) ?? TimeSpan.FromSeconds(15),
        Timeout = keys["timeout"]?.Duration(TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(5)) ?? TimeSpan.FromSeconds(5),
        Failures = keys["failures"]?.Integer(1, 100) ?? 2,
    };

    public static CircuitBreakerDefinition? CircuitBreaker(Cursor at) => at.Shape(UpstreamShapes.CircuitBreaker) is not { } keys ? null : new CircuitBreakerDefinition
    {
        FailurePercent = keys["failure_percent"]?.Integer(1, 99) ?? 30,
        OpenFor = keys["open_for"]?.Duration(LeastOpen, TimeSpan.FromDays(1)) ?? TimeSpan.FromSeconds(30),
    };

    private static string? ProbePath(Cursor at)
    {
        var text = at.Text(PathTemplate.MaxLength);
        if (text is null)
            return null;
        var template = PathTemplate.Parse(text, out var problem);
        if (template is null)
            return at.Fail<string>(problem);
        return template.Parameters.IsEmpty ? text : at.Fail<string>("a path to ask for has no parameters");
    }

    /// <summary><c>true</c>, or what is to be otherwise than it is by itself.</summary>
    public static AssertionDefinition? Assertion(Cursor at)
    {
        if (at.Node is YamlScalar)
            return at.Boolean() == true ? new AssertionDefinition() : null;
        return at.Shape(PolicyShapes.Assertion) is not { } keys ? null : new AssertionDefinition
        {
            Audience = keys["audience"]?.Text(256),
            Life = keys["life"]?.Duration(TimeSpan.FromSeconds(5), AssertionKeysMachine.LongestLife) ?? TimeSpan.FromSeconds(30),
        };
    }
}
