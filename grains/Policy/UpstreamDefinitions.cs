namespace JitGrains.Policy;

/// <summary>Which of several upstreams a call goes to.</summary>
public enum LoadBalancing
{
    /// <summary>Each in turn.</summary>
    RoundRobin,

    /// <summary>The one with the fewest calls of this gateway under way.</summary>
    LeastRequests,

    /// <summary>Any.</summary>
    Random,

    /// <summary>The first in the list; the next where it is not healthy.</summary>
    First,
}

/// <summary>How upstreams are asked whether they are healthy, beside the calls. Immutable and thread-safe.</summary>
public sealed record HealthCheckDefinition
{
    /// <summary>The path that is asked for; any 2xx means healthy.</summary>
    public required string Path { get; init; }

    /// <summary>From one question to the next.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long an answer may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>After how many failures in a row an upstream gets no more calls.</summary>
    public int Failures { get; init; } = 2;
}

/// <summary>When an upstream that fails calls gets none for a while. Immutable and thread-safe.</summary>
public sealed record CircuitBreakerDefinition
{
    /// <summary>Opens where more than this share of the calls of the last 10 s failed, of at least ten, in percent; only calls that could not be sent or answered count, whatever the status.</summary>
    public int FailurePercent { get; init; } = 30;

    /// <summary>How long it stays open, 10 s or more.</summary>
    public TimeSpan OpenFor { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>The signed assertion that calls go to upstreams with. Immutable and thread-safe.</summary>
public sealed record AssertionDefinition
{
    /// <summary>Whom it is for; null for the API's name.</summary>
    public string? Audience { get; init; }

    /// <summary>How long it can be believed after it was sent.</summary>
    public TimeSpan Life { get; init; } = TimeSpan.FromSeconds(30);
}
