using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.ControlPlane;

/// <summary>Turns what no endpoint answered, and what an endpoint threw, into problems. Nothing of an exception leaves the process.</summary>
internal sealed partial class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> logger)
{
    public async Task InvokeAsync(HttpContext http)
    {
        http.Response.Headers.XContentTypeOptions = "nosniff";
        try
        {
            await next(http);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told.
            return;
        }
        catch (BadHttpRequestException e) when (!http.Response.HasStarted)
        {
            await Answer(http, e.StatusCode == StatusCodes.Status413PayloadTooLarge ? Problems.PayloadTooLarge(BodyFields.MaxBytes) : Problems.BadRequest("body", "The request cannot be read."));
            return;
        }
        catch (Exception e) when (StoreTrouble.IsPassing(e) && !http.Response.HasStarted)
        {
            LogUnavailable(logger, e);
            await Answer(http, Problems.Unavailable("The store does not answer. What was sent may have been done or not: send it again."));
            return;
        }
        catch (Exception e) when (!http.Response.HasStarted)
        {
            LogFailed(logger, e);
            await Answer(http, Problems.Internal);
            return;
        }

        if (http.Response is { HasStarted: false, ContentLength: null, ContentType: null })
        {
            Problem? problem = http.Response.StatusCode switch
            {
                StatusCodes.Status404NotFound => Problems.NotFound("address"),
                StatusCodes.Status405MethodNotAllowed => Problems.MethodNotAllowed,
                StatusCodes.Status415UnsupportedMediaType => Problems.UnsupportedMediaType,
                _ => null,
            };
            if (problem is not null)
                await problem.ExecuteAsync(http);
        }
    }

    private static Task Answer(HttpContext http, Problem problem)
    {
        http.Response.Clear();
        return problem.ExecuteAsync(http);
    }

    [LoggerMessage(2501, LogLevel.Warning, "A request to the control plane found the store unavailable")]
    private static partial void LogUnavailable(ILogger logger, Exception exception);

    [LoggerMessage(2500, LogLevel.Error, "A request to the control plane failed")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
