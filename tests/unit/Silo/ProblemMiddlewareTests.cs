using JitGrains.Runtime;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.ControlPlane;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.UnitTests.Silo;

public sealed class ProblemMiddlewareTests
{
    public static TheoryData<Exception, int> Failures => new()
    {
        { new StoreUnavailableException("canceling statement due to lock timeout"), 503 },
        { new InconsistentStateException("a grain was written by another turn"), 503 },
        { new TimeoutException("The operation has timed out."), 503 },
        // Cut off by the process' own stop, with the client still there.
        { new OperationCanceledException(), 500 },
        { new InvalidOperationException("a bug"), 500 },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task What_may_pass_is_told_apart_from_a_bug(Exception failure, int status)
    {
        var http = new DefaultHttpContext { RequestServices = new ServiceCollection().AddLogging().BuildServiceProvider() };
        await new ProblemMiddleware(_ => Task.FromException(failure), NullLogger<ProblemMiddleware>.Instance).InvokeAsync(http);
        Assert.Equal(status, http.Response.StatusCode);
        Assert.Equal(status == 503 ? "1" : "", http.Response.Headers.RetryAfter.ToString());
        Assert.Equal("application/problem+json", http.Response.ContentType);
    }
}
